"""Commands of the demo ERP, one module each: what is called how, the ERP's own rules, and the document it leaves.

`registry` names them all; `work` is the transaction they share.
"""

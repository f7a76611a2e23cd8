"""May it be called: policy files, the applied bundle, the decision, its obligations and the planning-side boundary.

`load` reads YAML for people who edit; `bundle`, `decide`, `obligations` and `boundary` serve calls and use the standard
library alone.
"""

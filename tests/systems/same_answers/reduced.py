"""The demo plant's profile without what another product's profile does not read, so that both keep the same."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from erp_mcp.domain.select_text import select_columns

NAME: Final = "demo-erp-reduced"
_SYSTEMS: Final = Path(__file__).resolve().parents[3] / "erp_mcp" / "systems"
_ALWAYS: Final = ("source_key", "version_token", "changed_at")
# S/4HANA does not keep it, and answers are the same all the same: that is to be seen.
_KEPT: Final = frozenset({"purchase_order_line.promise_changed_at"})


def write_profile(folder: Path, *, like: str = "s4hana") -> Path:
    """Write the demo's ERP profile with the entities and fields alone that the shipped profile `like` has.

    Args:
        folder: Where it is written, as `demo-erp-reduced.yaml`; made when missing.
        like: Name of a shipped profile that maps documents (`fields:`).

    Returns:
        The folder.
    """
    yaml = YAML(typ="safe", pure=True)
    demo, other = (yaml.load((_SYSTEMS / f"{name}.yaml").read_text(encoding="utf-8")) for name in ("demo-erp", like))
    for entity in demo["entities"].keys() - other["entities"].keys():
        del demo["entities"][entity], demo["identity"][entity]
    for entity, body in demo["entities"].items():
        known = {*_ALWAYS, "native_state", *other["entities"][entity]["fields"]}
        columns = select_columns(body["statement"])
        kept = [name for name in columns if name in known or f"{entity}.{name}" in _KEPT]
        body["statement"] = f"SELECT {', '.join(kept)} FROM ({body['statement']})"
        for name in set(columns) - set(kept):
            demo["states"].pop(f"{entity}.{name}", None)
    demo["states"] = {key: codes for key, codes in demo["states"].items() if key.split(".")[0] in demo["entities"]}
    del demo["commands"]
    demo["profile"] = NAME
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{NAME}.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(demo, file)
    return folder

"""Rules for tool files beyond their form: names, words, levels, errors, examples, size."""

from __future__ import annotations

import json
import re
from typing import Final

from erp_mcp.catalog.arguments import check
from erp_mcp.catalog.grammar import ToolFile
from erp_mcp.catalog.meaning import fields_of
from erp_mcp.catalog.problems import Problem
from erp_mcp.catalog.schemas import input_schema
from erp_mcp.domain.entities import ENTITIES
from erp_mcp.domain.tool import Effect, Tool
from erp_mcp.errors import GatewayError, InvalidArgumentError, UnknownArgumentError

READ_VERBS: Final = frozenset(
    {"get", "list", "find", "explain", "check", "simulate", "compare", "rank", "trace", "search", "describe"}
)
WRITE_VERBS: Final = frozenset({"propose"})  # nothing that an agent calls commits
STATUS_VERBS: Final = frozenset({"get", "list", "cancel", "propose"})  # to take back what one has proposed
DISCOVERY_VERBS: Final = frozenset({"search", "describe", "call"})
# Words of the control side. A tool that is named after one of them has no place on the planning side.
BOUNDARY_WORDS: Final = frozenset(
    {
        "setpoint", "plc", "dcs", "scada", "hmi", "tag", "register", "coil", "valve", "drive", "motor", "recipe",
        "interlock", "bypass", "estop", "loto", "jog", "alarm", "setpoints", "firmware", "phase", "start", "stop",
        "abort", "dispatch", "force", "reset", "acknowledge",
    }
)  # fmt: skip
READABLE_NOUNS: Final = ("dispatch_list",)  # the queue of a work centre: reading it sends nothing to the floor
STATUS_SCOPE: Final = "proposals.status"
DISCOVERY_SCOPE: Final = "catalog.discovery"
MAX_WORDS: Final = 60
MAX_LISTED: Final = 1600  # characters of name, description and input schema together
MAX_LISTED_SAGA: Final = 2400  # it has the arguments of several
LEVELS: Final = (3, 4)
_EFFECT_OF: Final = {
    "read": "a tool that only reads says effect: read",
    "write": "a tool that proposes a command or a saga says effect: write",
    "status": "a tool about the caller's own proposals says effect: status",
    "discovery": "a tool that finds or calls other tools says effect: discovery",
}
_SCOPES: Final = {"status": STATUS_SCOPE, "discovery": DISCOVERY_SCOPE}
_VERBS: Final = {"read": READ_VERBS, "write": WRITE_VERBS, "status": STATUS_VERBS, "discovery": DISCOVERY_VERBS}
_FOLDER: Final = re.compile(r"[a-z][a-z_]{2,39}").fullmatch
_ID_LIKE: Final = re.compile(r"[0-9]{3,}|\b[A-Z]{2,}-[0-9]+")


def error_codes() -> frozenset[str]:
    """Return every code of the error taxonomy that a call can end with."""
    found, open_ = set(), [GatewayError]
    while open_:
        one = open_.pop()
        children = one.__subclasses__()
        open_ += children
        if not children:
            found.add(one.code)
    return frozenset(found)


def check_file(spec: ToolFile, stem: str, toolset: str) -> list[Problem]:
    """Return the problems that show in the file itself."""
    problems = [*_name_problems(spec, stem, toolset), *_description_problems(spec)]
    problems += _effect_problems(spec)
    if spec.level not in LEVELS:
        problems.append(Problem(rule="level.boundary", place=("level",), detail="levels are 3 and 4 (ISA-95)"))
    if spec.live and not fields_of(spec.live):
        problems.append(Problem(rule="live.unknown", place=("live",), detail=f"there is no entity {spec.live}"))
    known = error_codes()
    for number, code in enumerate(spec.errors):
        if code not in known:
            problems.append(Problem(rule="errors.unknown", place=("errors", number), detail=f"no error has {code}"))
    return problems


def check_tool(tool: Tool) -> list[Problem]:
    """Return the problems that show once the tool is compiled."""
    problems = [*_example_problems(tool), *_level_problems(tool)]
    listed = len(tool.name) + len(tool.description) + len(json.dumps(input_schema(tool)))
    most = MAX_LISTED_SAGA if tool.steps else MAX_LISTED
    if listed > most:
        detail = f"{listed} characters in the list, {most} are allowed; shorten description or arguments"
        problems.append(Problem(rule="size.listed", place=("description",), detail=detail))
    return problems


def _bound(spec: ToolFile) -> Effect:
    """Return the effect that a tool's binding has, whatever the file says of it."""
    if spec.binding.command or spec.binding.saga:
        return "write"
    if spec.binding.discovery:
        return "discovery"
    return "status" if spec.binding.status else "read"


def _effect_problems(spec: ToolFile) -> list[Problem]:
    """Whether effect, binding, risk class and scope say the same."""
    problems = []
    bound = _bound(spec)
    if bound != spec.effect:
        problems.append(Problem(rule="effect.binding", place=("effect",), detail=_EFFECT_OF[bound]))
    if (bound == "write") != (spec.risk is not None):
        detail = "a tool that writes names the risk class of what is written, W1 to W4; no other tool does"
        problems.append(Problem(rule="risk.class", place=("risk",), detail=detail))
    if spec.stock and spec.binding.command is None:
        detail = "what moves or holds stock is a command; a saga has it of its steps"
        problems.append(Problem(rule="stock.effect", place=("stock",), detail=detail))
    wanted = _SCOPES.get(spec.effect, f".{spec.effect}")
    if not spec.scope.endswith(wanted):
        detail = f"the scope of a {spec.effect} tool ends with {wanted}"
        problems.append(Problem(rule="scope.effect", place=("scope",), detail=detail))
    return problems


def _name_problems(spec: ToolFile, stem: str, toolset: str) -> list[Problem]:
    words = spec.name.split("_")
    verbs = _VERBS[_bound(spec)]
    problems = []
    if spec.name != stem:
        detail = f"the file is called {stem}.yaml; file and tool have one name"
        problems.append(Problem(rule="name.file", place=("name",), detail=detail))
    if words[0] not in verbs or len(words) < 2:
        detail = f"a name is verb_noun with one of: {', '.join(sorted(verbs))}"
        problems.append(Problem(rule="name.verb", place=("name",), detail=detail))
    for word in sorted(BOUNDARY_WORDS & set(_without_readable(spec.name).split("_"))):
        detail = f"{word} belongs below the planning side"
        problems.append(Problem(rule="name.boundary", place=("name",), detail=detail))
    if _FOLDER(toolset) is None:
        detail = "a toolset is a folder of small letters"
        problems.append(Problem(rule="name.toolset", place=("name",), detail=detail))
    return problems


def _without_readable(name: str) -> str:
    for noun in READABLE_NOUNS:
        name = name.replace(noun, "")
    return name


def _description_problems(spec: ToolFile) -> list[Problem]:
    problems = []
    words = len(spec.description.split())
    if words > MAX_WORDS:
        detail = f"{words} words; at most {MAX_WORDS}"
        problems.append(Problem(rule="description.length", place=("description",), detail=detail))
    for key, text in (("title", spec.title), ("description", spec.description)):
        if _ID_LIKE.search(text):
            detail = "no ids or numbers of records: a model repeats them"
            problems.append(Problem(rule="description.ids", place=(key,), detail=detail))
        if not text.isprintable() and not text.replace("\n", " ").isprintable():
            problems.append(Problem(rule="description.characters", place=(key,), detail="printable characters only"))
    return problems


def _example_problems(tool: Tool) -> list[Problem]:
    problems = []
    for number, example in enumerate(tool.examples):
        try:
            check(tool, json.loads(example))
        except (InvalidArgumentError, UnknownArgumentError) as error:
            detail = f"the example breaks the contract: {error.facts.get('argument')} ({error.code})"
            problems.append(Problem(rule="examples.invalid", place=("examples", number), detail=detail))
    return problems


def _level_problems(tool: Tool) -> list[Problem]:
    """What can't do without shop-floor data is a level-3 tool, so that a role without level 3 does not get it."""
    needed = {entity for query in tool.reads if not query.optional for entity in query.entities}
    below = sorted(entity for entity in needed if tool.level > ENTITIES[entity].LEVEL)
    if not below:
        return []
    detail = f"{', '.join(below)} is level 3: say level: 3, or make the read optional"
    return [Problem(rule="level.entity", place=("level",), detail=detail)]

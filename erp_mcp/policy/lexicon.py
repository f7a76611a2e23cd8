"""The words of the floor: what a request says when it reaches below the planning side (ISA-95 level 3).

Data for `boundary`. The words come from OPC UA, PackML, Sparkplug, ISA-88, B2MML and the scripting of common HMI, MES
and ERP products. A pattern is a verb and a noun; a hard word suffices alone. This labels and refuses early; what keeps
the floor safe is that no tool and no client for it exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A control verb with the things it would act on; `names_only` verbs are too common in free text."""

    code: str
    verbs: frozenset[str]
    nouns: frozenset[str]
    names_only: frozenset[str] = frozenset()


def _words(text: str) -> frozenset[str]:
    return frozenset(word.replace("_", " ") for word in text.split())


# Joined words that no planning request needs, in names and in arguments.
HARD: Final[dict[str, str]] = {
    **dict.fromkeys(("setpoint", "setpointwrite"), "B-SETPOINT"),
    **dict.fromkeys(("dcmd", "ncmd", "storeandstart", "revokestart", "cmdchangerequest", "cntrlcmd"), "B-COMMAND"),
    **dict.fromkeys(("writetag", "tagwrite", "writeblocking", "writeasync", "writevalue", "signedwrite"), "B-TAGWRITE"),
    **dict.fromkeys(("unitmoderequested", "unitmoderequest"), "B-MODE"),
    **dict.fromkeys(("signedalarmack", "executealarmack", "alarmacktag"), "B-ALARM"),
    **dict.fromkeys(("forceoutput", "forcedoutput"), "B-SAFETY"),
    **dict.fromkeys(("releasedbymes",), "B-FLOOR"),
}

# Hard in the name of a tool or endpoint; in an argument they may be the material that is ordered.
HARD_IN_NAMES: Final[dict[str, str]] = {
    **dict.fromkeys(("plc", "jog", "unitmode", "trackin", "trackout", "movein", "moveout"), "B-COMMAND"),
    **dict.fromkeys(("techlycmpltorder", "deletionindorder", "opstodispatched"), "B-FLOOR"),
    **dict.fromkeys(("historyupdate", "addnode", "deletenode", "runprepupdate"), "B-TAGWRITE"),
    **dict.fromkeys(("timedshelve", "oneshotshelve", "unshelve", "unsuppress", "removefromservice"), "B-ALARM"),
    **dict.fromkeys(("interlock", "bypass", "estop", "loto"), "B-SAFETY"),
}

_EQUIPMENT: Final = _words(
    "oven furnace heater kiln dryer chiller boiler mixer press conveyor machine motor drive servo pump valve robot cnc "
    "spindle hmi scada plc line cell station machine_tool control_module equipment_module controlmodule equipmentmodule"
)
_QUANTITIES: Final = _words(
    "temperature pressure speed feed_rate flow_rate torque voltage rpm machine_parameter process_parameter"
)
_JOBS: Final = _words(
    "batch job job_order joborder work_order workorder work_directive sfc phase unit_procedure operation container "
    "traveler production production_order process_order manufacturing_order shop_order work_center workcenter "
    "workcentre"
)
FLOOR_ORDERS: Final = _words(
    "work_order workorder production_order manufacturing_order process_order job_order joborder shop_order "
    "maintenance_order"
)

# In this order: the first that fits names the violation.
PATTERNS: Final[tuple[Pattern, ...]] = (
    Pattern(
        code="B-SAFETY",
        verbs=_words(
            "bypass override disable defeat force remove jumper inhibit mute deactivate unlock open reset clear"
        ),
        nouns=_words("interlock safety guard guard_door light_curtain estop e_stop emergency_stop loto lockout output"),
    ),
    Pattern(
        code="B-ALARM",
        verbs=_words("acknowledge ack confirm shelve unshelve suppress unsuppress silence disable enable clear reset"),
        nouns=_words("alarm"),
    ),
    Pattern(
        code="B-TAGWRITE",
        verbs=_words("write set put force poke overwrite assign"),
        nouns=_words("tag register coil node data_block opc"),
        names_only=_words("configure delete"),
    ),
    Pattern(
        code="B-RECIPE",
        verbs=_words("download send load upload push transfer write activate change edit modify deploy flash put"),
        nouns=_words("recipe program nc_program firmware parameter_set"),
    ),
    Pattern(
        code="B-MODE",
        verbs=_words("switch set change put turn force"),
        nouns=_words("mode unit_mode machine_state manual automatic"),
    ),
    Pattern(
        code="B-RECORD",
        verbs=_words(
            "release unblock block enter record backdate falsify change edit set sign complete dispose delete close"
        ),
        nouns=_words(
            "lot test_result test_value inspection_result inspection_lot inspection lot_disposition usage_decision ncr "
            "nonconformance quality_inspection quality_check buyoff data_collection"
        ),
        names_only=_words("finish pass fail"),
    ),
    Pattern(code="B-RECORD", verbs=_words("release unblock"), nouns=_words("batch")),
    Pattern(
        code="B-FLOOR",
        verbs=_words("release dispatch"),
        nouns=FLOOR_ORDERS | _words("operation job work_directive"),
    ),
    Pattern(
        code="B-SETPOINT",
        verbs=_words("set raise lower increase decrease reduce change adjust tune write heat cool bump"),
        nouns=_EQUIPMENT | _QUANTITIES,
    ),
    Pattern(
        code="B-COMMAND",
        verbs=_words(
            "start stop hold unhold resume restart abort reset pause suspend unsuspend jog trip enable disable "
            "calibrate"
        ),
        nouns=_EQUIPMENT | _JOBS,
        names_only=_words("clear complete finish done do run home shutdown cancel pending submit block unblock"),
    ),
    Pattern(code="B-COMMAND", verbs=_words("open close"), nouns=_words("valve breaker damper clamp chuck gate")),
    Pattern(code="B-COMMAND", verbs=_words("shut turn switch"), nouns=_EQUIPMENT),
)

# Values of `JobOrder.Command` and its kin, where text carries a payload.
COMMAND_WORDS: Final = _words("start stop hold restart abort reset pause resume")

# A name or clause that begins so asks or reports; it orders nothing.
READING: Final = _words(
    "read list get find show search explain check compare rank trace simulate describe browse query count fields "
    "history subscribe request propose why when what which who where how is are was were has have had did does do "
    "tell report"
)

# Before the order itself.
POLITE: Final = _words(
    "please now immediately you must should agent assistant system kindly can could would will i we want need to "
    "let us me go ahead just urgent urgently also first next then ok hey dear operator try ignore"
)
DETERMINERS: Final = _words("the a an all this that these those my our your every each any both")
FILLERS: Final = DETERMINERS | _words("of on off to down up main new at in")

# Facts of the planning side: a clause about them is not about the floor.
PLANNING: Final = _words(
    "order orders requisition purchase invoice sales sale price quantity qty stock delivery shipment shipping supplier "
    "vendor customer material reservation schedule date item size budget payment credit report list kit spare lead"
)

# Verbs that as often begin the name of a thing (set screw, stop valve, start capacitor): they need a sign of an order.
HOMOGRAPHS: Final = _words(
    "set start stop open close reset hold release force home switch trip clear pause jog send put complete upload load "
    "press record sign block change turn shut lower transfer flash heat cool mute run push dispatch"
)
PRODUCTS: Final = frozenset({
    ("stop", "valve"), ("release", "valve"), ("bypass", "valve"), ("start", "motor"), ("reset", "valve"),
    ("reset", "motor"), ("press", "machine"), ("open", "gate"), ("clear", "guard"),
    ("production", "program"), ("hold", "valve"), ("stop", "line"), ("trip", "valve"), ("transfer", "program"),
})  # fmt: skip

PRODUCT_PHRASES: Final = frozenset({"switch mode power"})

# Letters of other scripts that look like Latin ones.
LOOKALIKES: Final = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјкорсухтвмнԁԛԝһԌΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιονρτυκεıɡɩʟℓᴀʙᴄᴅᴇꜰɢʜᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢօսոɪ",
    "ABESIJKMHOPCTYXaesijkopcyxtbmhdqwhGABEZHIKMNOPTYXaiovptukeigillabcdefghjklmnoprstuvwyzouni",
)

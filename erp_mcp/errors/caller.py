"""Errors that the caller can mend: fix the call, the file or the configuration."""

from __future__ import annotations

from erp_mcp.errors.taxonomy import CallerError


class ApproverExistsError(CallerError):
    """An approver id, or a key, that is enrolled already."""

    code = "approval.exists"
    summary = "This approver is enrolled already."
    advice = "Choose another id; `erp-mcp approvals approvers` lists who is enrolled."


class ApproverNotFoundError(CallerError):
    """An approver who is not enrolled, or not any more."""

    code = "approval.not_found"
    summary = "There is no such approver."
    advice = "Look at `erp-mcp approvals approvers`; an enrolled approver can enrol another."


class BadCursorError(CallerError):
    """A cursor that was not made for this call."""

    code = "call.bad_cursor"
    summary = "This cursor does not belong to this call."
    advice = "Repeat the call without `cursor` and page on with the new `next_cursor`, keeping the arguments."


class BadPassphraseError(CallerError):
    """A passphrase that does not open the approver's key."""

    code = "approval.bad_passphrase"
    summary = "The passphrase does not open this approver's key."
    advice = "Type it again; a lost passphrase can't be recovered: enrol a new approver and revoke this one."


class BadScopeError(CallerError):
    """A scope of the kill switch in the wrong form."""

    code = "writes.bad_scope"
    summary = "This is no scope of the kill switch."
    advice = "Use all, or tool:NAME, agent:NAME, system:NAME, site:NAME."


class CallDirectlyError(CallerError):
    """A tool that is not passed on to: one that writes, or one that finds tools. Facts: `tool`."""

    code = "call.call_directly"
    summary = "This tool is called by its own name, not through another tool."
    advice = "Call the tool named in `tool` directly, with the same arguments."


class CatalogFileError(CallerError):
    """A tool file that breaks the grammar or a lint rule."""

    code = "catalog.bad_file"
    summary = "A tool file is wrong."
    advice = "Mend the file at the line named and run `erp-mcp tools lint`."


class ClientFileError(CallerError):
    """A configuration file of an MCP client that can't be edited without risk; facts: `file`, `line`, `reason`."""

    code = "settings.bad_client_file"
    summary = "The client's configuration can't be edited safely."
    advice = "Mend what is named, or put the entry in by hand: `erp-mcp client install --dry-run` prints it."


class ConfigurationError(CallerError):
    """The configuration file is missing, unreadable or wrong."""

    code = "settings.bad_configuration"
    summary = "The configuration is wrong."
    advice = "Mend the key named; `erp-mcp doctor` checks the whole set-up."


class EntityNotOfferedError(CallerError):
    """A canonical entity that this system does not give."""

    code = "adapter.entity_not_offered"
    summary = "The system does not offer this entity."
    advice = "Ask for one of the entities of its profile."


class FieldNotKeptError(CallerError):
    """A question about fields that no connected system keeps.

    Facts: `systems`, `fields`, and `argument` where one asks for them.
    """

    code = "answer.field_not_kept"
    summary = "This can't be answered: the connected systems do not keep the fields that decide it."
    advice = "Say that it is not known, not that there is none; or ask again without the argument named."


class DemoDirectoryError(CallerError):
    """The directory named for a demo plant holds something else."""

    code = "demo.directory_in_use"
    summary = "The directory for the demo plant is not empty and holds no demo plant."
    advice = "Name an empty directory or one that a demo plant was built in before."


class FormNotOursError(CallerError):
    """A form of the approver's page that was not made for this session and this act, or not any more."""

    code = "page.bad_form"
    summary = "This form does not belong to your session any more; nothing was done."
    advice = "Go back to the page, load it again, look at what it shows, and send it from there."


class InvalidArgumentError(CallerError):
    """An argument of a call breaks the tool's contract."""

    code = "call.invalid_argument"
    summary = "An argument is wrong."
    advice = "Mend the argument named and call again; `erp-mcp tools describe` shows the contract."


class LastApproverError(CallerError):
    """The only approver, whom nobody could replace."""

    code = "approval.last"
    summary = "The last approver can't be revoked, since nobody could enrol another one."
    advice = "Enrol another approver first: `erp-mcp approvals enrol NAME`."


class MalformedRequestError(CallerError):
    """Bytes that are not one strict JSON value within bounds, or JSON that is no message of the protocol."""

    code = "call.malformed_request"
    summary = "The request is not a message of the protocol, in JSON within the limits."
    advice = "Mend what `rule` and `reason` say: one JSON object, no duplicate keys, at most 256 kB and 32 levels."


class PassphraseNeededError(CallerError):
    """A decision that takes the passphrase itself, given for it alone."""

    code = "approval.passphrase_needed"
    summary = "This decision takes your passphrase, given for it alone."
    advice = "Type it with the decision; a sign-in of some minutes ago is not enough for a change of this kind."


class ReasonNeededError(CallerError):
    """An approval in an emergency, or a review of one, without saying why."""

    code = "approval.reason_needed"
    summary = "This takes a reason in your own words."
    advice = "Say why in at least 20 characters; it is signed with it, and whoever reviews it reads it."


class PolicyFileError(CallerError):
    """A policy file that breaks the grammar or names what does not exist."""

    code = "policy.bad_file"
    summary = "A policy file is wrong."
    advice = "Mend the file at the line named and run `erp-mcp policy check`."


class ProposalNotFoundError(CallerError):
    """No such proposal, or it is another agent's."""

    code = "proposal.not_found"
    summary = "There is no such proposal."
    advice = "Use the id that the propose tool gave. `list_my_proposals` has yours, `erp-mcp approvals list --all` all."


class ProfileFileError(CallerError):
    """A system profile that breaks the grammar."""

    code = "systems.bad_profile"
    summary = "A system profile is wrong."
    advice = "Mend the profile at the key named and run `erp-mcp doctor`."


class RuleRefusedError(CallerError):
    """A business rule that refuses a change."""

    code = "rule.refused"
    summary = "A business rule refuses this change."
    advice = "Do what `message` says would pass and propose again, or leave it to a person."


class TaskNotFoundError(CallerError):
    """A task for a person that is not there."""

    code = "task.not_found"
    summary = "There is no such task."
    advice = "`erp-mcp tasks list` shows those there are."


class SignInAgainError(CallerError):
    """A decision that takes proving at the provider, for it alone and now, who one is."""

    code = "approval.sign_in_again"
    summary = "This decision takes a sign-in at your provider, made for it alone in the last minutes."
    advice = "Sign in again from the page of what you decide about, then decide."


class SignInLostError(CallerError):
    """An answer of the provider that belongs to no sign-in which this browser has begun, or not any more."""

    code = "page.sign_in_lost"
    summary = "This sign-in was not begun in this browser, or was replaced by another one, or its time is over."
    advice = "Go to the sign-in page and begin again there; where two tabs were open, go on in the newer one."


class SystemNotConfiguredError(CallerError):
    """A system of record that the deployment does not have."""

    code = "adapter.not_configured"
    summary = "This deployment has no such system."
    advice = "Name one of the systems in the configuration; `erp-mcp doctor` lists them."


class UnknownArgumentError(CallerError):
    """An argument the tool does not have."""

    code = "call.unknown_argument"
    summary = "The tool has no such argument."
    advice = "Leave it out or use the argument suggested."


class UnknownPromptError(CallerError):
    """No prompt of this name is offered: missing and hidden answer alike."""

    code = "call.unknown_prompt"
    summary = "There is no such prompt."
    advice = "Use one of `prompts/list`; it names those whose tools this role may call."


class UnknownResourceError(CallerError):
    """No resource of this address is offered: missing and hidden answer alike."""

    code = "call.unknown_resource"
    summary = "There is no such resource."
    advice = "Read one of `resources/list`, or fill in one of `resources/templates/list`."


class UnknownToolError(CallerError):
    """No tool of this name is visible: missing and hidden answer alike."""

    code = "call.unknown_tool"
    summary = "There is no such tool."
    advice = "Use the tool suggested, or another of the list; where the list has `search_tools`, it finds more."


class WeakPassphraseError(CallerError):
    """A passphrase that is too easy to guess."""

    code = "approval.weak_passphrase"
    summary = "This passphrase is too weak."
    advice = "Use at least 12 characters, best several words."

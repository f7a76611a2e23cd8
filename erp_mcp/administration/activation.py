"""Make the saved policy count: what it changes, whether it needs an approver's word, and the act itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from erp_mcp.administration.people import Signing, sign, trusted
from erp_mcp.approval import bundles
from erp_mcp.approval.bundles import BundleApproval
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.approver import Signed
from erp_mcp.domain.instants import exact_instant
from erp_mcp.errors import ApproverNotFoundError, BadBundleError, PolicyNeedsApproverError, RegistryDamagedError
from erp_mcp.policy import activate, load
from erp_mcp.policy.bundle import Bundle, from_json, write_terms
from erp_mcp.policy.names import KnownNames


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """What applying the saved files would do.

    `needs_approver` where the bundle allows writes: it counts only with an approver's signature. `new_writes` where who
    may write what, and on which terms, is not what is in force, or where it goes (`moved`: systems that are written to
    anew, or elsewhere or otherwise than an approver signed). `due` where there is anything to apply, which may be
    nothing but a signature that counts no more.
    """

    bundle: Bundle
    previous: str
    difference: activate.Difference
    needs_approver: bool
    new_writes: bool
    due: bool
    targets: Mapping[str, str]
    moved: tuple[str, ...]

    @property
    def newly_allowed(self) -> bool:
        """Whether somebody may do or see what they may not now, so that a person is asked."""
        found = self.difference
        return self.new_writes or bool(found.newly_allowed or found.wider)


def planned(deployment: Deployment, folder: Path | None = None) -> Activation:
    """Check the deployment's policy folder (or another one) and say what applying it would do.

    Raises:
        PolicyFileError: `policy.bad_file`, with file and line.
    """
    known = KnownNames.of(deployment.catalog)
    bundle = load.load(folder or deployment.settings.policies, known).bundle
    previous, _ = deployment.state.bundles.active()
    old = _in_force(deployment)
    unsigned = bool(bundle.writes) and _refusal(deployment) != ""
    targets = deployment.targets() if bundle.writes else {}
    moved = tuple(sorted(name for name in targets if targets[name] != _signed_for(deployment).get(name)))
    return Activation(
        bundle=bundle,
        previous=previous,
        difference=activate.diff(old, bundle, {tool.name: tool for tool in deployment.catalog}),
        needs_approver=bool(bundle.writes),
        new_writes=bool(bundle.writes) and (bool(moved) or write_terms(old) != write_terms(bundle)),
        due=bundle.digest != previous or unsigned or bool(moved),
        targets=targets,
        moved=moved,
    )


def apply_policy(
    deployment: Deployment, *, applied_by: str, signing: Signing | None = None, activation: Activation | None = None
) -> Bundle:
    """Make the deployment's policy count for every process at once.

    Args:
        deployment: Where.
        applied_by: Account of whoever does it.
        signing: The approver who stands for a policy that allows writes.
        activation: What was shown; worked out from the deployment's folder where it is left out.

    Returns:
        The bundle in force.

    Raises:
        PolicyFileError: `policy.bad_file`, with file and line; nothing was changed.
        PolicyNeedsApproverError: `policy.needs_approver`. BadPassphraseError: `approval.bad_passphrase`.
        ApproverNotFoundError: `approval.not_found`. BundleChangedError: `policy.bundle_changed`.
    """
    plan = activation or planned(deployment)
    if not plan.due:
        return plan.bundle
    if plan.needs_approver and signing is None:
        raise PolicyNeedsApproverError(tools=tuple(sorted(plan.bundle.writes)))
    approval = _signed(deployment, plan, signing, applied_by) if plan.needs_approver and signing else None
    deployment.state.bundles.put_bundle(
        plan.bundle.digest, plan.bundle.text, applied_by=applied_by, previous=plan.previous, approval=approval
    )
    return plan.bundle


def signature_missing(deployment: Deployment) -> bool:
    """Whether the policy in force would allow writes, were it signed by an approver of now for the systems of now."""
    in_force = _in_force(deployment)
    if in_force is None or not in_force.writes:
        return False
    signed_for = _signed_for(deployment)
    return _refusal(deployment) != "" or any(signed_for.get(name) != one for name, one in deployment.targets().items())


def _signed(deployment: Deployment, plan: Activation, signing: Signing, applied_by: str) -> Signed:
    approver = trusted(deployment).get(signing.approver_id)
    if approver is None:
        raise ApproverNotFoundError(approver=signing.approver_id[:64])
    approval = BundleApproval(
        deployment=deployment.settings.deployment,
        digest=plan.bundle.digest,
        previous=plan.previous,
        applied_by=applied_by,
        applied_at=exact_instant(deployment.clock.wall()),
        approver_id=approver.approver_id,
        approver_name=approver.name,
        public_key=approver.public_key,
        targets=plan.targets,
    )
    text, message = bundles.message(approval)
    return sign(deployment, signing, text, message)


def _in_force(deployment: Deployment) -> Bundle | None:
    """Return the applied bundle; one that can't be used allows nothing, and applying another must mend it."""
    digest, text = deployment.state.bundles.active()
    try:
        return from_json(text, digest) if digest else None
    except BadBundleError:
        return None


def _signed_for(deployment: Deployment) -> Mapping[str, str]:
    return bundles.targets_of(next(iter(deployment.state.bundles.applied(since="9999")), None))


def _refusal(deployment: Deployment) -> str:
    """Return why the bundle in force may not allow writes, empty when it may."""
    applied = deployment.state.bundles.applied(since="9999")
    if not applied:
        return "unsigned"
    try:
        return bundles.refusal_of(applied[0], trusted(deployment), deployment.settings.deployment)
    except RegistryDamagedError:
        return "broken_registry"

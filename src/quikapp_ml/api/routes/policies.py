"""What is done with spam where: `/api/ml/policies/spam`, its channels, its history, and what a change would do."""

import asyncio
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.api.bodies import read_question
from quikapp_ml.api.deps import service_of
from quikapp_ml.api.places import holder_of, limit_of, read_id
from quikapp_ml.api.schemas import documented
from quikapp_ml.entities.spam_policy import SpamPolicyChange, SpamPolicyFields
from quikapp_ml.stores.state.moderation import PolicyScope

router = APIRouter(tags=["moderation"])

_SPAM = "/api/ml/policies/spam"


@router.get(_SPAM, **documented("policy"))
async def show_policy(request: Request, workspace: str = "") -> Response:
    """What holds everywhere, or in one workspace: what it says for itself, and all scopes taken together."""
    return JsonAnswer(service_of(request).moderation.policies.show(_scope(workspace)))


@router.put(_SPAM, **documented("change_policy"))
async def change_policy(request: Request, workspace: str = "") -> Response:
    """Let a policy hold from now on. It takes the place of what the scope said before, as a whole."""
    return await _change(request, _scope(workspace))


@router.post(f"{_SPAM}/dry-run", **documented("try_policy"))
async def try_policy(request: Request, workspace: str = "") -> Response:
    """What a policy would have done with the newest checks; nothing is changed."""
    return await _try(request, _scope(workspace))


@router.get("/api/ml/policies/history", **documented("policy_history"))
async def policy_history(
    request: Request, workspace: str | None = None, channel_id: str | None = None, limit: str = "100"
) -> Response:
    """Who changed which policy when, from what to what, the newest first; of all scopes when none is named."""
    scope = None if workspace is None and channel_id is None else _scope(workspace or "", channel_id or "")
    policies = service_of(request).moderation.policies
    return JsonAnswer(await asyncio.to_thread(policies.history, scope, limit_of(limit, 1_000)))


@router.get(f"{_SPAM}/{{channel_id}}", **documented("channel_policy"))
async def show_channel_policy(request: Request, channel_id: str, workspace: str = "") -> Response:
    """What holds in a channel: what it says for itself, and all scopes taken together."""
    return JsonAnswer(service_of(request).moderation.policies.show(_scope(workspace, channel_id)))


@router.put(f"{_SPAM}/{{channel_id}}", **documented("change_channel_policy"))
async def change_channel_policy(request: Request, channel_id: str, workspace: str = "") -> Response:
    """Let a policy hold in a channel from now on; a field that it leaves out is as around the channel."""
    return await _change(request, _scope(workspace, channel_id))


@router.post(f"{_SPAM}/{{channel_id}}/dry-run", **documented("try_channel_policy"))
async def try_channel_policy(request: Request, channel_id: str, workspace: str = "") -> Response:
    """What a policy would have done with the newest checks of a channel; nothing is changed."""
    return await _try(request, _scope(workspace, channel_id))


async def _change(request: Request, scope: PolicyScope) -> Response:
    asked = await read_question(request, SpamPolicyChange)
    by = asked.changed_by or holder_of(request)
    policies = service_of(request).moderation.policies
    return JsonAnswer(await asyncio.to_thread(policies.change, scope, asked, by, datetime.now(UTC)))


async def _try(request: Request, scope: PolicyScope) -> Response:
    asked = await read_question(request, SpamPolicyFields)
    moderation = service_of(request).moderation
    return JsonAnswer(await asyncio.to_thread(moderation.policies.dry_run, scope, asked, moderation.memory.all()))


def _scope(workspace: str, channel_id: str = "") -> PolicyScope:
    return PolicyScope(read_id("workspace", workspace), read_id("channel_id", channel_id))

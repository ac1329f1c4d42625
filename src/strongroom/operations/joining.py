"""What commands do about people who come in: a one-time link for somebody, and the first administrator's [1.2]."""

from strongroom.accounts import NewLink, Site
from strongroom.operations.registry import Call, operation
from strongroom.request import Json

_UNKNOWN_PORT = ":0"


@operation("user.invite")
def _user_invite(call: Call, *, name: str) -> Json:
    invited = call.system.joining.invite(name, call.caller, call.now)
    return {
        "id": invited.principal.id,
        "name": invited.principal.name,
        "made": invited.made,
        **shown(invited.link, call.system.signon.site),
    }


@operation("user.link")
def _user_link(call: Call) -> Json:
    link = call.system.joining.first_link(call.caller, call.now)
    return {"first_sign_on": shown(link, call.system.signon.site)}


def shown(link: NewLink, site: Site) -> Json:
    """Return a new link as it is shown this once; without a URL where the desk's port is picked when it is served."""
    url = None if site.origin.endswith(_UNKNOWN_PORT) else link.url(site.origin)
    return {"url": url, "code": link.code, "expires_at": link.expires_at.isoformat()}

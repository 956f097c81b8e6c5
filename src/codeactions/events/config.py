"""Where the identity system's messages come from."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsConfig:
    """url: of RabbitMQ, with its password. prefetch: messages that a queue may be ahead."""

    url: str = field(repr=False)
    projects_exchange: str = "projects.topic"
    projects_queue: str = "code-actions.projects"
    permissions_exchange: str = "permissions.topic"
    permissions_queue: str = "code-actions-permissions"
    routing_key: str = "#"
    prefetch: int = 16

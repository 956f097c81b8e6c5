"""The source of the identity system's messages."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsConfig:
    """The address of RabbitMQ and the names of exchanges and queues.

    url: with the password. prefetch: messages that RabbitMQ may send before earlier ones are acknowledged.
    """

    url: str = field(repr=False)
    projects_exchange: str = "projects.topic"
    projects_queue: str = "code-actions.projects"
    permissions_exchange: str = "permissions.topic"
    permissions_queue: str = "code-actions-permissions"
    routing_key: str = "#"
    prefetch: int = 16

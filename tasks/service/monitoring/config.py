"""Settings of the endpoint for Prometheus."""

from pydantic import Field

from models import Settings
from tasks.service.settings import Address, HostName, Port, ServiceConfig


class MetricsConfig(Settings):
    """The address of the endpoint, and how often it may ask the servers."""

    host: Address = Field(
        "127.0.0.1",
        title="Address",
        description="address on which the endpoint listens; if other machines can reach it, it needs SHARDGAN_AUTH",
    )
    port: Port = Field(9420, title="Port", description="port of the endpoint")
    public_host: HostName = Field(
        "",
        title="Public name",
        description="host name under which Prometheus reaches this machine; empty: the address",
    )
    login: bool = Field(
        True,
        title="Login",
        description="ask for a name and password; off: every user of this machine may read the figures",
    )
    cache_seconds: float = Field(
        15.0,
        ge=0,
        le=3600,
        title="Cache",
        description="answer with the same figures for this many seconds, so that scrapes cannot load the servers",
    )

    @property
    def as_service(self) -> ServiceConfig:
        """Return the settings that decide about passwords and host names, in the form that the service checks."""
        return ServiceConfig(host=self.host, public_host=self.public_host, login=self.login, metrics_port=self.port)

    @property
    def url(self) -> str:
        """The address that Prometheus asks."""
        return self.as_service.metrics_url

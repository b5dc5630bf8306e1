"""Settings that every source of files shares: where the file is, who may fetch it, and how much of it."""

from urllib.parse import quote

from pydantic import Field, field_validator

from s2s_pipelines.config.secret import SecretRef
from s2s_pipelines.connectors.kit.fetch import Access, Errand, locate
from s2s_pipelines.errors import ConfigurationError
from s2s_pipelines.model.declared import Declared


class FetchSettings(Declared):
    """Where a file comes from."""

    location: str | SecretRef
    """Address of the file, or of the folder when feeds name files: ``https://``, ``http://``, ``ftps://``, ``ftp://``, ``sftp://``,
    ``file://`` or a path relative to the client's folder. A reference, when the address itself is secret."""
    username: str | SecretRef | None = None
    """Login name."""
    password: SecretRef | None = None
    """Password; over plain HTTP it is sent only to hosts under ``allow_private``."""
    private_key: SecretRef | None = None
    """Private key for SFTP, in OpenSSH or PEM form."""
    passphrase: SecretRef | None = None
    """Passphrase of the private key."""
    host_key: str | None = None
    """The SFTP server's key: ``SHA256:…`` or ``ssh-ed25519 AAAA…``. Required for SFTP; never accepted unasked."""
    ca_file: str | None = None
    """File of certificates to trust instead of the usual ones (HTTPS, FTPS)."""
    allow_private: tuple[str, ...] = ()
    """Hosts, spelled as in the location, that may have private or local addresses."""
    max_bytes: int = Field(default=256 * 1024 * 1024, gt=0, le=4 * 1024**3)
    """Bytes of the file, packed and unpacked."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Seconds of silence before we stop waiting."""
    total_s: float = Field(default=900.0, gt=0)
    """Seconds for the whole file."""
    settle_s: float = Field(default=2.0, ge=0, le=60)
    """Seconds between two looks at a file that changed within the last minute."""

    @field_validator("location")
    @classmethod
    def _check_location(cls, value: str | SecretRef) -> str | SecretRef:
        if isinstance(value, str):
            try:
                locate(value, "/")
            except ConfigurationError as error:
                raise ValueError(f"{error.message}; {error.next_step}") from None
        return value

    def errand(self, folder: str, file: str | None = None) -> Errand:
        """The errand for one file; secrets are revealed now.

        Raises:
            ConfigurationError: a secret is missing, or the location is not one.
        """
        url = locate(_text(self.location), folder)
        if file is not None:
            url = f"{url.rstrip('/')}/{quote(file)}"
        access = Access(
            username=_text(self.username),
            password=_text(self.password),
            private_key=_text(self.private_key),
            passphrase=_text(self.passphrase),
            host_key=self.host_key or "",
            ca_file=self.ca_file,
        )
        return Errand(
            url=url,
            access=access,
            allow_private=self.allow_private,
            max_bytes=self.max_bytes,
            timeout_s=self.timeout_s,
            total_s=self.total_s,
            settle_s=self.settle_s,
        )


def _text(value: str | SecretRef | None) -> str:
    if isinstance(value, SecretRef):
        return value.reveal()
    return value or ""

"""The receiver of webhooks, among the settings."""

import re
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

_SIGNING_KEY = re.compile(r"(whsec_)?[A-Za-z0-9+/]{32,86}={0,2}", re.ASCII)
_TAKES = "`whsec_` and 24 to 64 random bytes in base64"


class WebhookSettings(BaseSettings):
    webhooks_url: str | None = Field(
        None,
        repr=False,
        pattern="^https?://.",
        description="where workers post signed events, e.g. https://example.com/hooks",
    )
    webhooks_secret: SecretStr | None = Field(
        None, repr=False, description=f"what signs those events: {_TAKES}"
    )

    @model_validator(mode="after")
    def _webhooks_are_signed(self) -> Self:
        secret = self.webhooks_secret.get_secret_value() if self.webhooks_secret else ""
        if self.webhooks_url and _SIGNING_KEY.fullmatch(secret) is None:
            raise ValueError(f"ORDER_WEBHOOKS_URL needs ORDER_WEBHOOKS_SECRET, {_TAKES}")
        return self

"""How models travel: as JSON, by pydantic. What `pydantic_data_converter` of the SDK does, for less.

The SDK makes a converter anew for each workflow, and twice for each task of one, and each has a cache of type
adapters of its own: so adapters, of which some take milliseconds to build, would be built over and over. Ours
share one cache.
"""

from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import CompositePayloadConverter, DataConverter

_SHARED = PydanticPayloadConverter()


class ModelPayloadConverter(CompositePayloadConverter):
    def __init__(self) -> None:
        super().__init__()
        self.converters = _SHARED.converters


data_converter = DataConverter(payload_converter_class=ModelPayloadConverter)

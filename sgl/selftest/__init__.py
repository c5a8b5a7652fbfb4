"""Each kernel on one small case against its plain twin, for ``sgl doctor``."""

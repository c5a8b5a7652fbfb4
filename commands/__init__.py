"""The command line ``sgl``. This folder is installed as the package ``sgl_cli``."""

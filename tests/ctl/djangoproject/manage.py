#!/usr/bin/env python3
"""The product in Django that import-django is tried with; DJANGO_DATABASE names its SQLite file."""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "product.settings")
execute_from_command_line(sys.argv)

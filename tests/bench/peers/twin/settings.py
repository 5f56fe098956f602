"""The twin's Django settings: nothing that its four views do not need, so that it is as fast as Django gets."""

import os

SECRET_KEY = "signs nothing here"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["rest_framework"]
MIDDLEWARE = []
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["TWIN_DB_HOST"],
        "NAME": os.environ["TWIN_DB_NAME"],
        "USER": os.environ["TWIN_DB_USER"],
        # A connection lives as long as its thread.
        "CONN_MAX_AGE": None,
    }
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["access.BearerToken"],
    "DEFAULT_PERMISSION_CLASSES": ["access.IsMember"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_VERSIONING_CLASS": None,
    "UNAUTHENTICATED_USER": None,
}
LOGGING_CONFIG = None

"""The form of Django 4.0's ScryptPasswordHasher, for a Django that is older than that."""

import base64
import hashlib

from django.contrib.auth.hashers import BasePasswordHasher
from django.utils.crypto import constant_time_compare


class ScryptPasswordHasher(BasePasswordHasher):
    algorithm = "scrypt"
    work_factor, block_size, parallelism = 2 ** 14, 8, 1

    def encode(self, password, salt):
        key = hashlib.scrypt(password.encode(), salt=salt.encode(), n=self.work_factor, r=self.block_size, p=self.parallelism, dklen=64)
        return "$".join((self.algorithm, str(self.work_factor), salt, str(self.block_size), str(self.parallelism),
                         base64.b64encode(key).decode()))

    def verify(self, password, encoded):
        return constant_time_compare(encoded, self.encode(password, encoded.split("$")[2]))

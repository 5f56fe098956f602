#ifndef SAAS_CORE_COMMON_PASSWORDS_H
#define SAAS_CORE_COMMON_PASSWORDS_H

/* The passwords that guessing begins with, as far as they are long enough to be chosen here at all. */

#include <stddef.h>

/** True when the password, with its ASCII letters in lower case, is in the list. */
int saas_password_is_common(const char *password);

/** The list itself, for its test: the i-th entry in strcmp order, NULL past the end. */
const char *saas_common_password(size_t i);

#endif

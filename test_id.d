test_id.o: tests/unit/test_id.c tests/unit/unit.h \
 /usr/include/apr-1.0/apr_general.h /usr/include/apr-1.0/apr.h \
 /usr/include/apr-1.0/apr_pools.h /usr/include/apr-1.0/apr_errno.h \
 /usr/include/apr-1.0/apr_general.h /usr/include/apr-1.0/apr_want.h \
 /usr/include/apr-1.0/apr_allocator.h \
 /usr/include/apr-1.0/apr_thread_mutex.h /usr/include/apr-1.0/apr_time.h \
 /usr/include/apr-1.0/apr_pools.h /usr/include/apr-1.0/apr_strings.h \
 mod_saas/core/id.h /usr/include/apr-1.0/apr_errno.h
tests/unit/unit.h:
/usr/include/apr-1.0/apr_general.h:
/usr/include/apr-1.0/apr.h:
/usr/include/apr-1.0/apr_pools.h:
/usr/include/apr-1.0/apr_errno.h:
/usr/include/apr-1.0/apr_general.h:
/usr/include/apr-1.0/apr_want.h:
/usr/include/apr-1.0/apr_allocator.h:
/usr/include/apr-1.0/apr_thread_mutex.h:
/usr/include/apr-1.0/apr_time.h:
/usr/include/apr-1.0/apr_pools.h:
/usr/include/apr-1.0/apr_strings.h:
mod_saas/core/id.h:
/usr/include/apr-1.0/apr_errno.h:

/* The API's description as it was when the collector was built. */
#ifndef TOCSIN_COLLECTOR_OPENAPI_H
#define TOCSIN_COLLECTOR_OPENAPI_H

extern const char openapi_yaml[];
extern const char openapi_yaml_end[];

#endif

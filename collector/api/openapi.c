#include "collector/api/openapi.h"

__asm__("	.pushsection .rodata\n"
	"	.globl openapi_yaml, openapi_yaml_end\n"
	"openapi_yaml:\n"
	"	.incbin \"collector/api/openapi.yaml\"\n"
	"openapi_yaml_end:\n"
	"	.byte 0\n"
	"	.popsection\n");

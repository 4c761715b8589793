/* static_files of collector/api/static.h: one struct static_file a row (path, type, data, len), ended by a row of zeros.
 * The bytes are the files that dashboard.mk built, found by the assembler's include path. */
	.macro row path, type, file
	.pushsection .rodata
path\@:	.asciz "\path"
type\@:	.asciz "\type"
data\@:	.incbin "\file"
end\@:	.byte 0
	.popsection
	.quad path\@, type\@, data\@, end\@ - data\@
	.endm

	/* Pointers in a position-independent program are relocated once, then read-only. */
	.section .data.rel.ro, "aw", %progbits
	.balign 8
	.globl static_files
	.type static_files, %object
static_files:
	row "/index.html", "text/html; charset=utf-8", "index.html"
	row "/app.js", "text/javascript; charset=utf-8", "app.js"
	row "/app.css", "text/css; charset=utf-8", "app.css"
	row "/icon.svg", "image/svg+xml", "icon.svg"
	row "/licences.txt", "text/plain; charset=utf-8", "licences.txt"
	.quad 0, 0, 0, 0
	.size static_files, . - static_files

	.section .note.GNU-stack, "", %progbits

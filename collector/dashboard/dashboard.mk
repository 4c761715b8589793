# The dashboard: TypeScript bundled by esbuild, embedded in the collector by the assembler's .incbin.
$(OUT)/obj/gen/dashboard.o:
	@mkdir -p $(@D)
	$(Q)echo '' | $(CC) -x c -c -o $@ -

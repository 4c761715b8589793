# The dashboard: TypeScript bundled by esbuild, embedded in the collector by the assembler's .incbin.
# It defines static_files[] of collector/api/static.h.
$(OUT)/obj/gen/dashboard.o:
	@mkdir -p $(@D)
	$(Q)printf '#include "collector/api/static.h"\nconst struct static_file static_files[] = {{0}};\n' | $(CC) $(CFLAGS_ALL) -x c -c -o $@ -

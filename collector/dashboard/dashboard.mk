# The dashboard: TypeScript checked by tsc, bundled by esbuild, and embedded in the collector by the assembler's .incbin (embed.S).
DASHBOARD := $(GEN)/dashboard
DASHBOARD_SRC := $(wildcard collector/dashboard/*.ts collector/dashboard/*.tsx collector/dashboard/*.css) collector/dashboard/tsconfig.json

$(DASHBOARD)/app.js $(DASHBOARD)/app.css &: $(DASHBOARD_SRC) $(NPM)
	@echo "  DASH    $(DASHBOARD)/app.js"
	$(Q)mkdir -p $(DASHBOARD)
	$(Q)node_modules/.bin/tsc --noEmit -p collector/dashboard
	$(Q)node_modules/.bin/esbuild collector/dashboard/main.tsx --bundle --minify --format=esm --target=es2020 --charset=utf8 \
		--jsx=automatic --jsx-import-source=preact --legal-comments=none --log-level=warning --outfile=$(DASHBOARD)/app.js
$(DASHBOARD)/%.html: collector/dashboard/%.html
	$(Q)mkdir -p $(@D) && cp $< $@
$(DASHBOARD)/%.svg: collector/dashboard/%.svg
	$(Q)mkdir -p $(@D) && cp $< $@

# What the bundle contains of others goes out with their licences.
$(DASHBOARD)/licences.txt: $(NPM)
	$(Q)mkdir -p $(@D) && for p in preact uplot; do echo "$$p"; echo; cat node_modules/$$p/LICENSE; echo; done >$@

$(OUT)/obj/gen/dashboard.o: collector/dashboard/embed.S $(addprefix $(DASHBOARD)/,app.js app.css index.html icon.svg licences.txt)
	@mkdir -p $(@D)
	$(Q)$(CC) -c -Wa,-I,$(DASHBOARD) -o $@ $<

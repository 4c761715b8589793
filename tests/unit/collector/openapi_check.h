/* Checks an answer of the API against the description that the collector serves: what openapi.yaml promises is what a test demands.
 *
 * Knows the part of JSON Schema that openapi.yaml uses for answers. Included by one test. */
#ifndef TOCSIN_TESTS_OPENAPI_CHECK_H
#define TOCSIN_TESTS_OPENAPI_CHECK_H

#include <jansson.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "collector/api/rfc3339.h"

static json_t *plain_scalar(const char *text)
{
	char *end;
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		return json_boolean(text[0] == 't');
	if (strcmp(text, "null") == 0)
		return json_null();
	long long n = strtoll(text, &end, 10);
	if (*text && *end == '\0')
		return json_integer(n);
	double real = strtod(text, &end);
	return *text && *end == '\0' ? json_real(real) : json_string(text);
}

static json_t *yaml_json(yaml_document_t *doc, yaml_node_t *node)
{
	json_t *json = NULL;
	switch (node->type) {
	case YAML_SCALAR_NODE:
		return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain_scalar((const char *)node->data.scalar.value)
									  : json_string((const char *)node->data.scalar.value);
	case YAML_SEQUENCE_NODE:
		json = json_array();
		for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++)
			json_array_append_new(json, yaml_json(doc, yaml_document_get_node(doc, *i)));
		return json;
	case YAML_MAPPING_NODE:
		json = json_object();
		for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++)
			json_object_set_new(json, (const char *)yaml_document_get_node(doc, p->key)->data.scalar.value,
					    yaml_json(doc, yaml_document_get_node(doc, p->value)));
		return json;
	case YAML_NO_NODE: break;
	}
	return json_null();
}

static json_t *openapi_load(const char *text, size_t len)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	yaml_parser_initialize(&parser);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	json_t *json = yaml_parser_load(&parser, &doc) ? yaml_json(&doc, yaml_document_get_root_node(&doc)) : NULL;
	if (json)
		yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
	return json;
}

static const json_t *resolve(const json_t *root, const json_t *schema)
{
	const char *ref = json_string_value(json_object_get(schema, "$ref"));
	if (!ref)
		return schema;
	char path[256];
	snprintf(path, sizeof path, "%s", ref + 2); /* after "#/" */
	const json_t *at = root;
	for (char *save, *part = strtok_r(path, "/", &save); part; part = strtok_r(NULL, "/", &save))
		at = json_object_get(at, part);
	return at;
}

static bool has_type(const json_t *value, const char *type)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return strcmp(type, "object") == 0;
	case JSON_ARRAY: return strcmp(type, "array") == 0;
	case JSON_STRING: return strcmp(type, "string") == 0;
	case JSON_INTEGER: return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
	case JSON_REAL: return strcmp(type, "number") == 0;
	case JSON_NULL: return strcmp(type, "null") == 0;
	default: return strcmp(type, "boolean") == 0;
	}
}

static bool is_listed(const json_t *list, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_equal(json_array_get(list, i), value))
			return true;
	return false;
}

static bool matches_pattern(const char *pattern, const char *text)
{
	regex_t regex;
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	bool matches = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return matches;
}

static bool has_format(const char *format, const char *text)
{
	int64_t ms;
	calendar_day day;
	if (strcmp(format, "date-time") == 0)
		return rfc3339_parse(span_str(text), &ms) == 0;
	if (strcmp(format, "date") == 0)
		return date_parse(span_str(text), &day) == 0;
	return true;
}

static bool complain(const char *place, const char *what)
{
	fprintf(stderr, "  %s: %s\n", *place ? place : "/", what);
	return false;
}

static bool schema_accepts(const json_t *root, const json_t *schema, const json_t *value, const char *place, bool quiet);

static bool accepts_type(const json_t *type, const json_t *value)
{
	if (json_is_string(type))
		return has_type(value, json_string_value(type));
	for (size_t i = 0; i < json_array_size(type); i++)
		if (has_type(value, json_string_value(json_array_get(type, i))))
			return true;
	return !type;
}

static bool accepts_object(const json_t *root, const json_t *schema, const json_t *value, const char *place, bool quiet)
{
	const json_t *required = json_object_get(schema, "required"), *properties = json_object_get(schema, "properties");
	char inner[512];
	const char *key;
	json_t *member;
	for (size_t i = 0; i < json_array_size(required); i++) {
		const char *name = json_string_value(json_array_get(required, i));
		snprintf(inner, sizeof inner, "%s/%s", place, name);
		if (!json_object_get(value, name))
			return quiet ? false : complain(inner, "is required and missing");
	}
	json_object_foreach((json_t *)value, key, member)
	{
		const json_t *of = json_object_get(properties, key);
		snprintf(inner, sizeof inner, "%s/%s", place, key);
		if (!of && json_is_false(json_object_get(schema, "additionalProperties")))
			return quiet ? false : complain(inner, "is not described");
		if (of && !schema_accepts(root, of, member, inner, quiet))
			return false;
	}
	return true;
}

static bool accepts_some(const json_t *root, const json_t *schemas, const json_t *value, const char *place, size_t want)
{
	size_t n = 0;
	for (size_t i = 0; i < json_array_size(schemas); i++)
		n += schema_accepts(root, json_array_get(schemas, i), value, place, true);
	return n == want;
}

static bool accepts_text(const json_t *schema, const json_t *value)
{
	const char *text = json_string_value(value), *pattern = json_string_value(json_object_get(schema, "pattern"));
	const char *format = json_string_value(json_object_get(schema, "format"));
	return !text || ((!pattern || matches_pattern(pattern, text)) && (!format || has_format(format, text)));
}

static bool accepts_number(const json_t *schema, const json_t *value)
{
	const json_t *min = json_object_get(schema, "minimum"), *max = json_object_get(schema, "maximum");
	return !json_is_number(value) || ((!min || json_number_value(value) >= json_number_value(min)) &&
					  (!max || json_number_value(value) <= json_number_value(max)));
}

static bool schema_accepts(const json_t *root, const json_t *schema, const json_t *value, const char *place, bool quiet)
{
	/* Keywords beside a $ref are descriptions here. */
	schema = resolve(root, schema);
	const json_t *one_of = json_object_get(schema, "oneOf"), *all_of = json_object_get(schema, "allOf");
	const json_t *listed = json_object_get(schema, "enum"), *items = json_object_get(schema, "items");
	char inner[512];
	if (!schema)
		return complain(place, "has no schema");
	if (!accepts_type(json_object_get(schema, "type"), value))
		return quiet ? false : complain(place, "has another type than described");
	if (listed && !is_listed(listed, value))
		return quiet ? false : complain(place, "is none of the values described");
	if (!accepts_text(schema, value) || !accepts_number(schema, value))
		return quiet ? false : complain(place, "has not the form described");
	if (one_of && !accepts_some(root, one_of, value, place, 1))
		return quiet ? false : complain(place, "is not exactly one of the schemas described");
	if (all_of && !accepts_some(root, all_of, value, place, json_array_size(all_of)))
		return quiet ? false : complain(place, "is not all of the schemas described");
	for (size_t i = 0; items && i < json_array_size(value); i++) {
		snprintf(inner, sizeof inner, "%s/%zu", place, i);
		if (!schema_accepts(root, items, json_array_get(value, i), inner, quiet))
			return false;
	}
	return !json_is_object(value) || accepts_object(root, schema, value, place, quiet);
}

/* Whether `body` is what the description says of this path (as written there), method and status. */
static bool openapi_accepts(const json_t *root, const char *path, const char *method, long status, const char *type, const json_t *body)
{
	char number[8];
	snprintf(number, sizeof number, "%ld", status);
	const json_t *operation = json_object_get(json_object_get(json_object_get(root, "paths"), path), method);
	const json_t *response = resolve(root, json_object_get(json_object_get(operation, "responses"), number));
	const json_t *content = json_object_get(json_object_get(response, "content"), type);
	if (!content) {
		fprintf(stderr, "  %s %s: an answer %s of type %s is not described\n", method, path, number, type);
		return false;
	}
	return schema_accepts(root, json_object_get(content, "schema"), body, "", false);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Which format and which coding a client gets. RFC 9110, 12.5.1 and 12.5.3. */
#include "exporters/exporter.h"

#include "collector/cleanup.h"
#include "exporters/accept.h"
#include "exporters/compress.h"

/* How closely a media range names a format: the closest one decides on its weight. */
enum match { MATCH_NONE, MATCH_ANY, MATCH_TYPE, MATCH_EXACT };

/* What a media range may say of a format and still mean it. What it does not say, it leaves to us. */
struct format {
	const struct renderer *renderer;
	const char *range_of_type, *range;
	struct format_parameter {
		const char *name, *value;
	} parameters[3];
};

static const struct format formats[] = {
	{
		.renderer = &renderer_text,
		.range_of_type = "text/*",
		.range = "text/plain",
		.parameters = { { "version", "0.0.4" }, { "charset", "utf-8" } },
	},
	{
		.renderer = &renderer_openmetrics,
		.range_of_type = "application/*",
		.range = "application/openmetrics-text",
		.parameters = { { "version", "1.0.0" }, { "charset", "utf-8" } },
	},
	{
		.renderer = &renderer_protobuf,
		.range_of_type = "application/*",
		.range = "application/vnd.google.protobuf",
		.parameters = { { "proto", "io.prometheus.client.MetricFamily" },
				{ "encoding", "delimited" } },
	},
};

/* Parameters that we do not know (escaping, profile, ...) rule nothing out. */
static bool parameter_fits(const struct format *format, const struct accept_parameter *parameter)
{
	for (size_t i = 0; i < ARRAY_SIZE(format->parameters) && format->parameters[i].name; i++)
		if (accept_is(parameter->name, format->parameters[i].name))
			return accept_is(parameter->value, format->parameters[i].value);
	return true;
}

static enum match format_match(const struct format *format, const struct accept_element *element)
{
	if (accept_is(element->value, "*/*"))
		return MATCH_ANY;
	if (accept_is(element->value, format->range_of_type))
		return MATCH_TYPE;
	if (!accept_is(element->value, format->range))
		return MATCH_NONE;
	for (size_t i = 0; i < element->n_parameters; i++)
		if (!parameter_fits(format, &element->parameters[i]))
			return MATCH_NONE;
	return MATCH_EXACT;
}

/*
 * Names are legal ASCII, so every scheme but `dots` (which doubles underscores) leaves them as they
 * are and may be echoed. A client that wants dots is told that it gets underscores.
 */
static const char *escaping_of(const struct accept_element *element)
{
	static const struct {
		const char *asked, *answer;
	} schemes[] = {
		{ "allow-utf-8", "; escaping=allow-utf-8" },
		{ "underscores", "; escaping=underscores" },
		{ "values", "; escaping=values" },
		{ "dots", "; escaping=underscores" },
	};

	for (size_t i = 0; i < element->n_parameters; i++) {
		if (!accept_is(element->parameters[i].name, "escaping"))
			continue;
		for (size_t j = 0; j < ARRAY_SIZE(schemes); j++)
			if (accept_is(element->parameters[i].value, schemes[j].asked))
				return schemes[j].answer;
	}
	return "";
}

struct choice {
	const struct renderer *renderer;
	enum match match;
	unsigned q;
	const char *escaping;
};

/* What a header says of one format: the closest range, of equally close ones the heaviest. */
static struct choice format_weigh(const struct format *format, const char *accept)
{
	struct choice choice = { .renderer = format->renderer, .escaping = "" };
	struct accept_element element;

	while (accept_next(&accept, &element)) {
		enum match match = format_match(format, &element);

		if (match < choice.match || match == MATCH_NONE)
			continue;
		if (match == choice.match && element.q <= choice.q)
			continue;
		choice.match = match;
		choice.q = element.q;
		choice.escaping = match == MATCH_EXACT ? escaping_of(&element) : "";
	}
	return choice;
}

const struct renderer *renderer_negotiate(const char *accept, const char **ret_escaping)
{
	struct choice best = { .renderer = &renderer_text, .escaping = "" };

	/* Of equal weights the one that is named more closely wins, then the first of the table. */
	for (size_t i = 0; accept && i < ARRAY_SIZE(formats); i++) {
		struct choice choice = format_weigh(&formats[i], accept);

		if (choice.q > best.q ||
		    (choice.q == best.q && choice.match > best.match && choice.q))
			best = choice;
	}
	*ret_escaping = best.escaping;
	return best.renderer;
}

const char *coding_name(enum coding coding)
{
	static const char *const names[] = { [CODING_GZIP] = "gzip", [CODING_ZSTD] = "zstd" };

	return names[coding];
}

enum coding coding_negotiate(const char *accept_encoding)
{
	/* -1: not mentioned. What is not mentioned is not used, but for identity, which always may be. */
	int zstd = -1, gzip = -1, identity = -1, rest = -1;
	struct accept_element element;

	while (accept_encoding && accept_next(&accept_encoding, &element)) {
		int q = (int)element.q;

		if (accept_is(element.value, "zstd"))
			zstd = q;
		else if (accept_is(element.value, "gzip") || accept_is(element.value, "x-gzip"))
			gzip = q;
		else if (accept_is(element.value, "identity"))
			identity = q;
		else if (accept_is(element.value, "*"))
			rest = q;
	}
	/* "*" is taken for the coding that every client has. */
	if (gzip < 0)
		gzip = rest;
	if (zstd > 0 && zstd >= gzip && zstd >= identity)
		return CODING_ZSTD;
	if (gzip > 0 && gzip >= identity)
		return CODING_GZIP;
	return CODING_IDENTITY;
}

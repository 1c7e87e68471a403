/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which exemplar goes with which classic bucket. Owns nothing; used by the formats that have them.
 */
#pragma once

#include <stdbool.h>

#include "collector/histogram.h"

/* OpenMetrics 1.0, "Exemplars": names and values together, in characters. */
enum { EXEMPLAR_CHARACTERS_MAX = 128 };

/* Whether its labels are not too long: a scraper would refuse it. */
bool exemplar_fits(const struct exemplar *exemplar);

/*
 * The newest of a histogram's exemplars with a value over `above` and up to `upto` that
 * fits, or NULL.
 */
const struct exemplar *exemplar_pick(const struct histogram *histogram, double above, double upto);

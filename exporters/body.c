/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/body.h"

#include "collector/cleanup.h"
#include "collector/memory.h"

struct body {
	struct http_stream stream; /* step is NULL for bytes */
	struct compressor *compressor;
	struct buffer plain; /* a piece before it is coded */
	struct buffer ready; /* a piece as it is sent */
	size_t sent;	     /* of `ready` */
	bool ended;
};

struct body *body_new(struct http_reply *reply, enum coding coding)
{
	struct body *body = xcalloc(1, sizeof(*body));

	body->stream = reply->stream;
	body->compressor = coding == CODING_IDENTITY ? NULL : compressor_new(coding);
	if (!body->stream.step)
		*(body->compressor ? &body->plain : &body->ready) = reply->body;
	reply->stream = (struct http_stream){ 0 };
	reply->body = (struct buffer){ 0 };
	return body;
}

/* Makes `ready` anew. 0 or -EIO. */
static int body_step(struct body *body)
{
	struct buffer *out = body->compressor ? &body->plain : &body->ready;
	int r = 0;

	body->sent = 0;
	body->ready.length = 0;
	if (body->stream.step) {
		out->length = 0;
		body->ended = !body->stream.step(body->stream.state, out);
	} else {
		body->ended = true;
	}
	if (body->compressor)
		r = compressor_write(body->compressor, body->plain.data, body->plain.length,
				     body->ended, &body->ready);
	return r;
}

ssize_t body_read(void *data, uint64_t position, char *out, size_t size)
{
	struct body *body = data;

	(void)position;
	while (body->sent == body->ready.length) {
		if (body->ended)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (body_step(body) < 0)
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	if (size > body->ready.length - body->sent)
		size = body->ready.length - body->sent;
	memcpy(out, body->ready.data + body->sent, size);
	body->sent += size;
	return (ssize_t)size;
}

void body_free(struct body *body)
{
	if (!body)
		return;
	if (body->stream.end)
		body->stream.end(body->stream.state);
	if (body->compressor)
		compressor_free(body->compressor);
	buffer_free(&body->plain);
	buffer_free(&body->ready);
	free(body);
}

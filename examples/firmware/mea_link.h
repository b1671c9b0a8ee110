/*
 * MEA-Link 1.0 for a microcontroller: COBS frames, CRC-32C, and a reader and a writer of Protocol Buffers that are just
 * large enough. C99, no malloc, no recursion, no floating point but the 64-bit doubles of the messages.
 *
 * The protocol is described in docs/mea-link.md, its messages in protocols/mea-link/mea_link.proto.
 */
#ifndef MEA_LINK_H
#define MEA_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEA_LANE_CONTROL = 0, MEA_LANE_DATA = 1 };
enum { MEA_TOKEN_BYTES = 16, MEA_HASH_BYTES = 32, MEA_CRC_BYTES = 4 };

/* Longest message that this device takes and sends. The protocol allows 65,536; RAM does not. */
#ifndef MEA_MAX_MESSAGE
#define MEA_MAX_MESSAGE 8192u
#endif
/* Lane, message, CRC; what COBS adds; the delimiter. */
#define MEA_MAX_PAYLOAD (1u + MEA_MAX_MESSAGE + MEA_CRC_BYTES)
#define MEA_MAX_FRAME (MEA_MAX_PAYLOAD + MEA_MAX_PAYLOAD / 254u + 2u)

/* ---- CRC-32C ---------------------------------------------------------------------------------------------------- */

/* CRC of the bytes that `crc` is the CRC of, followed by these; begin with 0. */
uint32_t mea_crc32c(uint32_t crc, const uint8_t *bytes, size_t length);

/* ---- frames ----------------------------------------------------------------------------------------------------- */

/*
 * Frames `length` bytes of a message into `frame`, which has room for length + length / 254 + 8 bytes.
 * Returns the length of the frame, its delimiter included.
 */
size_t mea_encode_frame(uint8_t lane, const uint8_t *message, size_t length, uint8_t *frame);

/* Collects the bytes of one frame. All zero at first. */
struct mea_receiver {
  uint8_t frame[MEA_MAX_FRAME];
  size_t length;
  bool too_long;
  uint32_t bad_frames;
};

/*
 * Takes one byte. Returns true when it completes a good frame: then `*lane`, `*message` and `*length` are set, and valid
 * until the next byte. A bad frame is counted and passed over.
 */
bool mea_receive(struct mea_receiver *receiver, uint8_t byte, uint8_t *lane, const uint8_t **message, size_t *length);

/* ---- reading messages ------------------------------------------------------------------------------------------- */

enum { MEA_VARINT = 0, MEA_FIXED64 = 1, MEA_BYTES = 2, MEA_FIXED32 = 5 };

struct mea_reader {
  const uint8_t *at;
  const uint8_t *end;
  /* Set when the bytes are no message; then there are no more fields. */
  bool bad;
};

struct mea_field {
  uint32_t number;
  uint8_t wire_type;
  /* Of a varint, fixed32 or fixed64. */
  uint64_t value;
  /* Of bytes, text or a message inside. */
  const uint8_t *bytes;
  size_t length;
};

struct mea_reader mea_read(const uint8_t *bytes, size_t length);
/* Reads the next field; false at the end or when the bytes are bad. */
bool mea_next_field(struct mea_reader *reader, struct mea_field *field);
/* A reader of the message inside a field. */
struct mea_reader mea_inside(const struct mea_field *field);
/* The value of a fixed64 field as a double, of a varint as a signed number (zigzag). */
double mea_to_double(uint64_t bits);
int64_t mea_to_signed(uint64_t zigzag);

/* ---- writing messages ------------------------------------------------------------------------------------------- */

struct mea_writer {
  uint8_t *bytes;
  size_t capacity;
  size_t length;
  /* Set when the room was not enough; then the message is not complete. */
  bool full;
};

struct mea_writer mea_write(uint8_t *bytes, size_t capacity);
/* Fields that are 0 are left out, as proto3 has it. */
void mea_put_uint(struct mea_writer *writer, uint32_t number, uint64_t value);
void mea_put_fixed32(struct mea_writer *writer, uint32_t number, uint32_t value);
void mea_put_double(struct mea_writer *writer, uint32_t number, double value);
void mea_put_bytes(struct mea_writer *writer, uint32_t number, const void *bytes, size_t length);
void mea_put_text(struct mea_writer *writer, uint32_t number, const char *text);
/* What is written between the two is a message inside field `number`. */
size_t mea_begin(struct mea_writer *writer, uint32_t number);
void mea_end(struct mea_writer *writer, size_t begin);

/* ---- SHA-256 (FIPS 180-4) --------------------------------------------------------------------------------------- */

void mea_sha256(const uint8_t *bytes, size_t length, uint8_t hash[MEA_HASH_BYTES]);

#endif

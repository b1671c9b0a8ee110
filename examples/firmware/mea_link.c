#include "mea_link.h"

#include <string.h>

/* ---- CRC-32C ---------------------------------------------------------------------------------------------------- */

/* Half a byte at a time: 64 bytes of table instead of 1 KiB. */
static const uint32_t CRC_NIBBLE[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

uint32_t mea_crc32c(uint32_t crc, const uint8_t *bytes, size_t length) {
  crc = ~crc;
  for (size_t i = 0; i < length; i++) {
    crc ^= bytes[i];
    crc = (crc >> 4) ^ CRC_NIBBLE[crc & 15];
    crc = (crc >> 4) ^ CRC_NIBBLE[crc & 15];
  }
  return ~crc;
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

/* Puts the bytes of a payload into COBS one by one, so that the payload need not lie in memory as a whole. */
struct cobs_writer {
  uint8_t *out;
  size_t code_at;
  size_t at;
};

static void put_cobs(struct cobs_writer *writer, const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    /* A run of 254 is closed only when another byte follows. */
    if (writer->at - writer->code_at == 255) {
      writer->out[writer->code_at] = 255;
      writer->code_at = writer->at++;
    }
    if (bytes[i] != 0) {
      writer->out[writer->at++] = bytes[i];
    } else {
      writer->out[writer->code_at] = (uint8_t)(writer->at - writer->code_at);
      writer->code_at = writer->at++;
    }
  }
}

size_t mea_encode_frame(uint8_t lane, const uint8_t *message, size_t length, uint8_t *frame) {
  uint32_t crc = mea_crc32c(mea_crc32c(0, &lane, 1), message, length);
  uint8_t crc_bytes[MEA_CRC_BYTES] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)};
  struct cobs_writer writer = {frame, 0, 1};
  put_cobs(&writer, &lane, 1);
  put_cobs(&writer, message, length);
  put_cobs(&writer, crc_bytes, sizeof crc_bytes);
  frame[writer.code_at] = (uint8_t)(writer.at - writer.code_at);
  frame[writer.at++] = 0;
  return writer.at;
}

/* Undoes COBS in place: the result is never longer than what has been read. Returns 0 when a code points past the end. */
static size_t decode_cobs(uint8_t *bytes, size_t length) {
  size_t in = 0;
  size_t out = 0;
  while (in < length) {
    uint8_t code = bytes[in++];
    if (code == 0 || in + code - 1 > length) return 0;
    for (uint8_t i = 1; i < code; i++) bytes[out++] = bytes[in++];
    if (code < 255 && in < length) bytes[out++] = 0;
  }
  return out;
}

bool mea_receive(struct mea_receiver *receiver, uint8_t byte, uint8_t *lane, const uint8_t **message, size_t *length) {
  if (byte != 0) {
    if (receiver->length < sizeof receiver->frame) receiver->frame[receiver->length++] = byte;
    else receiver->too_long = true;
    return false;
  }
  size_t framed = receiver->length;
  bool too_long = receiver->too_long;
  receiver->length = 0;
  receiver->too_long = false;
  if (framed == 0) return false;
  size_t size = too_long ? 0 : decode_cobs(receiver->frame, framed);
  if (size >= 1 + MEA_CRC_BYTES) {
    const uint8_t *payload = receiver->frame;
    size_t end = size - MEA_CRC_BYTES;
    uint32_t crc = (uint32_t)payload[end] | (uint32_t)payload[end + 1] << 8 | (uint32_t)payload[end + 2] << 16 |
                   (uint32_t)payload[end + 3] << 24;
    if (crc == mea_crc32c(0, payload, end) && payload[0] <= MEA_LANE_DATA) {
      *lane = payload[0];
      *message = payload + 1;
      *length = end - 1;
      return true;
    }
  }
  receiver->bad_frames++;
  return false;
}

/* ---- reading messages ------------------------------------------------------------------------------------------- */

struct mea_reader mea_read(const uint8_t *bytes, size_t length) {
  struct mea_reader reader = {bytes, bytes + length, false};
  return reader;
}

struct mea_reader mea_inside(const struct mea_field *field) { return mea_read(field->bytes, field->length); }

static uint64_t read_varint(struct mea_reader *reader) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (reader->at == reader->end) break;
    uint8_t byte = *reader->at++;
    value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return value;
  }
  reader->bad = true;
  return 0;
}

static uint64_t read_fixed(struct mea_reader *reader, unsigned bytes) {
  uint64_t value = 0;
  if ((size_t)(reader->end - reader->at) < bytes) {
    reader->bad = true;
    return 0;
  }
  for (unsigned i = 0; i < bytes; i++) value |= (uint64_t)*reader->at++ << (8 * i);
  return value;
}

bool mea_next_field(struct mea_reader *reader, struct mea_field *field) {
  if (reader->bad || reader->at == reader->end) return false;
  uint64_t tag = read_varint(reader);
  field->number = (uint32_t)(tag >> 3);
  field->wire_type = (uint8_t)(tag & 7);
  field->value = 0;
  field->bytes = NULL;
  field->length = 0;
  if (field->number == 0 || tag > UINT32_MAX) reader->bad = true;
  if (reader->bad) return false;
  switch (field->wire_type) {
    case MEA_VARINT:
      field->value = read_varint(reader);
      break;
    case MEA_FIXED64:
      field->value = read_fixed(reader, 8);
      break;
    case MEA_FIXED32:
      field->value = read_fixed(reader, 4);
      break;
    case MEA_BYTES: {
      uint64_t length = read_varint(reader);
      if (length > (uint64_t)(reader->end - reader->at)) reader->bad = true;
      if (reader->bad) break;
      field->bytes = reader->at;
      field->length = (size_t)length;
      reader->at += field->length;
      break;
    }
    default:
      /* Groups: this protocol has none. */
      reader->bad = true;
  }
  return !reader->bad;
}

double mea_to_double(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

int64_t mea_to_signed(uint64_t zigzag) { return (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1); }

/* ---- writing messages ------------------------------------------------------------------------------------------- */

struct mea_writer mea_write(uint8_t *bytes, size_t capacity) {
  struct mea_writer writer = {bytes, capacity, 0, false};
  return writer;
}

static void put_byte(struct mea_writer *writer, uint8_t byte) {
  if (writer->length < writer->capacity) writer->bytes[writer->length++] = byte;
  else writer->full = true;
}

static void put_varint(struct mea_writer *writer, uint64_t value) {
  while (value >= 128) {
    put_byte(writer, (uint8_t)(value | 128));
    value >>= 7;
  }
  put_byte(writer, (uint8_t)value);
}

static void put_tag(struct mea_writer *writer, uint32_t number, uint8_t wire_type) {
  put_varint(writer, (uint64_t)number << 3 | wire_type);
}

static void put_fixed(struct mea_writer *writer, uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; i++) put_byte(writer, (uint8_t)(value >> (8 * i)));
}

void mea_put_uint(struct mea_writer *writer, uint32_t number, uint64_t value) {
  if (value == 0) return;
  put_tag(writer, number, MEA_VARINT);
  put_varint(writer, value);
}

void mea_put_fixed32(struct mea_writer *writer, uint32_t number, uint32_t value) {
  if (value == 0) return;
  put_tag(writer, number, MEA_FIXED32);
  put_fixed(writer, value, 4);
}

void mea_put_double(struct mea_writer *writer, uint32_t number, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (bits == 0) return;
  put_tag(writer, number, MEA_FIXED64);
  put_fixed(writer, bits, 8);
}

void mea_put_bytes(struct mea_writer *writer, uint32_t number, const void *bytes, size_t length) {
  const uint8_t *from = bytes;
  if (length == 0) return;
  put_tag(writer, number, MEA_BYTES);
  put_varint(writer, length);
  for (size_t i = 0; i < length; i++) put_byte(writer, from[i]);
}

void mea_put_text(struct mea_writer *writer, uint32_t number, const char *text) {
  mea_put_bytes(writer, number, text, strlen(text));
}

size_t mea_begin(struct mea_writer *writer, uint32_t number) {
  put_tag(writer, number, MEA_BYTES);
  /* One byte for the length; mea_end makes room when it needs more. */
  put_byte(writer, 0);
  return writer->length;
}

void mea_end(struct mea_writer *writer, size_t begin) {
  if (writer->full) return;
  size_t length = writer->length - begin;
  unsigned extra = 0;
  for (size_t rest = length; rest >= 128; rest >>= 7) extra++;
  if (writer->length + extra > writer->capacity) {
    writer->full = true;
    return;
  }
  memmove(writer->bytes + begin + extra, writer->bytes + begin, length);
  writer->length = begin - 1;
  put_varint(writer, length);
  writer->length = begin + extra + length;
}

/* ---- SHA-256 ---------------------------------------------------------------------------------------------------- */

static const uint32_t SHA_K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, unsigned by) { return x >> by | x << (32 - by); }

static void sha_block(uint32_t state[8], const uint8_t block[64]) {
  uint32_t w[64];
  for (unsigned i = 0; i < 16; i++) {
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
           block[4 * i + 3];
  }
  for (unsigned i = 16; i < 64; i++) {
    uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t v[8];
  memcpy(v, state, sizeof v);
  for (unsigned i = 0; i < 64; i++) {
    uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + SHA_K[i] + w[i];
    uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (unsigned i = 0; i < 8; i++) state[i] += v[i];
}

void mea_sha256(const uint8_t *bytes, size_t length, uint8_t hash[MEA_HASH_BYTES]) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t block[64];
  size_t whole = length & ~(size_t)63;
  for (size_t at = 0; at < whole; at += 64) sha_block(state, bytes + at);
  size_t rest = length - whole;
  memset(block, 0, sizeof block);
  memcpy(block, bytes + whole, rest);
  block[rest] = 0x80;
  if (rest >= 56) {
    sha_block(state, block);
    memset(block, 0, sizeof block);
  }
  for (unsigned i = 0; i < 8; i++) block[63 - i] = (uint8_t)((uint64_t)length * 8 >> (8 * i));
  sha_block(state, block);
  for (unsigned i = 0; i < MEA_HASH_BYTES; i++) hash[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

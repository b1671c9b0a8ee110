#include "pattern_box.h"

#include <stdio.h>
#include <string.h>

#include "mea_link.h"

/* Numbers of mea_link.proto: enum RefusalReason, enum SafetyRule, ... */
enum refusal {
  REFUSED_UNKNOWN_COMMAND = 1,
  REFUSED_VERSION,
  REFUSED_NOT_CONTROLLER,
  REFUSED_BAD_ARGUMENT,
  REFUSED_WRONG_STATE,
  REFUSED_NOT_CONFIGURED,
  REFUSED_NOT_ARMED,
  REFUSED_BAD_TOKEN,
  REFUSED_WRONG_DEVICE,
  REFUSED_WRONG_PROFILE,
  REFUSED_SAFETY,
  REFUSED_EMPTY_SLOT,
  REFUSED_LATE,
  REFUSED_TOO_FAR_AHEAD,
  REFUSED_STALE_ID,
  REFUSED_QUEUE_FULL,
  REFUSED_UNSUPPORTED
};
enum rule {
  RULE_NONE = 0,
  RULE_SCHEMA = 1,
  RULE_ELECTRODE = 4,
  RULE_PHASE_COUNT,
  RULE_CURRENT,
  RULE_PHASE_WIDTH,
  RULE_CHARGE,
  RULE_CHARGE_DENSITY,
  RULE_BALANCE,
  RULE_NET_CHARGE,
  RULE_POLARITY,
  RULE_INTERPHASE_GAP,
  RULE_IMPEDANCE,
  RULE_COMPLIANCE,
  RULE_INTERVAL,
  RULE_RATE,
  RULE_DUTY,
  RULE_CHARGE_RATE,
  RULE_SIMULTANEOUS,
  RULE_SUMMED_CURRENT,
  RULE_SESSION_STIMULI,
  RULE_SESSION_CHARGE
};
enum state { IDLE = 1, READY, RUNNING };
enum cause { CAUSE_COMMAND = 1, CAUSE_WATCHDOG, CAUSE_ARMED_TIME, CAUSE_LINK_LOST, CAUSE_ABORT, CAUSE_STOPPED, CAUSE_RECONFIGURED };
enum drop { DROP_CANCELLED = 1, DROP_ABORTED, DROP_DISARMED, DROP_STOPPED, DROP_SAFETY, DROP_DEVICE_FAULT };
enum { COMMAND_HELLO = 2, COMMAND_CONFIGURE, COMMAND_START, COMMAND_STOP, COMMAND_REST, COMMAND_UPLOAD, COMMAND_TRIGGER,
       COMMAND_CANCEL, COMMAND_ABORT, COMMAND_ARM, COMMAND_DISARM, COMMAND_IMPEDANCE, COMMAND_RESUME, COMMAND_STATUS };
enum { LAST_COMMAND = COMMAND_STATUS };
enum { RESULT_DONE = 2, RESULT_HELLO, RESULT_SCHEDULED, RESULT_CONFIGURED, RESULT_RESUMED = 7, RESULT_STATUS, RESULT_REFUSED };
enum { DEVICE_REPLY = 3, DEVICE_HEARTBEAT = 4, DATA_RESTED, DATA_DELIVERED = 6, DATA_DROPPED, DATA_ARMED = 8, DATA_STARTED = 11, DATA_ENDED };

/* Numbers of the limits in message SafetyProfile. */
enum { P_ELECTRODES = 3, P_IMPEDANCE_AGE, P_MAX_IMPEDANCE_AGE, P_MAX_CURRENT, P_MIN_PHASE, P_MAX_PHASE, P_MAX_PHASES,
       P_MAX_CHARGE, P_MAX_DENSITY, P_MAX_IMBALANCE, P_NET_CHARGE, P_POLARITY, P_MIN_GAP, P_COMPLIANCE, P_MIN_INTERVAL,
       P_MAX_RATE, P_MAX_DUTY, P_MAX_CHARGE_PER_SECOND, P_MAX_SIMULTANEOUS, P_MAX_SUMMED, P_MAX_STIMULI,
       P_MAX_SESSION_CHARGE };
enum { P_FIELDS = P_MAX_SESSION_CHARGE + 1 };

enum { BODY_BYTES = 320, REMEMBERED = 8, HISTORY = 64, EVENTS = 2 * BOX_QUEUE };
/* The last messages of the data lane, for `resume`. */
enum { RING = 128, RING_BYTES = 128, TEXT_BYTES = 80 };
static const uint64_t US_PER_MS = 1000, US_PER_S = 1000000, MAX_SAMPLE = 1ull << 53;

struct pulse {
  uint8_t output;
  uint8_t phases;
  /* Bit p: phase p has a current, so the output is high. */
  uint32_t high;
  uint32_t duration_us[BOX_PHASES];
  uint32_t length_us;
  /* Per pulse, for the limits that depend on time. */
  double charge_nc, net_nc, high_us, peak_ua;
};
struct pattern {
  bool used;
  uint8_t pulses;
  struct pulse pulse[BOX_OUTPUTS];
};
/* A stimulus that waits, with its pattern as it was checked: the slot may get another one before it leaves. */
struct stimulus {
  bool used;
  uint32_t id, slot;
  uint64_t sample;
  /* On the box's clock: when it is due, and when its sample begins. */
  uint64_t at_us, sample_us;
  /* Asked for `now`: it leaves as soon as it can, and cannot be late. */
  bool is_prompt;
  struct pattern pattern;
};
/* A pulse that an electrode got within the last second, or is still to get. */
struct given {
  uint32_t stimulus, session, length_us;
  uint64_t at_us;
  double charge_nc, net_nc, high_us, peak_ua;
};
/* What an electrode got. Windows run on the box's clock, which neither stops nor jumps. */
struct account {
  struct given given[HISTORY];
  uint32_t count;
  /* Start of the newest pulse that was forgotten: an interval may be longer than a second. */
  bool has_older;
  uint64_t older_us;
  /* Of the session. */
  double session_nc, net_nc;
};
struct electrode {
  bool listed, masked, measured;
  double area_um2, impedance_ohm;
};
struct profile {
  double limit[P_FIELDS];
  struct electrode electrode[BOX_OUTPUTS];
};
struct remembered {
  uint32_t id;
  size_t length;
  uint8_t body[BODY_BYTES];
};
struct kept {
  uint8_t length;
  uint8_t bytes[RING_BYTES];
};
/* What became of a stimulus, from the timer to the loop. */
struct event {
  /* 0: delivered. */
  enum drop drop;
  uint32_t id, slot;
  uint64_t sample, at_us;
  /* Bit n: electrode n was pulsed. */
  uint8_t electrodes;
};
/* An output that makes a pulse. */
struct player {
  bool playing;
  uint64_t since_us;
  struct pulse pulse;
};

static struct {
  struct mea_receiver receiver;
  const char *serial_number;
  bool emulated;
  uint32_t boot_id, control_sequence, unsent;
  uint64_t next_heartbeat;

  /* The data lane: what it has, and up to where the line has taken it. */
  struct kept ring[RING];
  uint32_t data_sequence, sent_sequence, oldest_sequence;
  /* A controller that came back says first from where the lane is to go on. */
  bool flows;

  enum state state;
  /* While running the sample counter goes on from `sample`, which it had at `sample_us` of the clock; else it stands. */
  uint64_t sample_us, sample;
  /* The newest client; it is the controller until nothing is heard of it for a second. */
  bool has_client, has_controller;
  uint8_t client[MEA_TOKEN_BYTES];
  uint64_t client_heard_us;
  uint32_t newest_command;
  struct remembered replies[REMEMBERED];
  uint32_t next_reply;

  bool configured;
  uint8_t profile_hash[MEA_HASH_BYTES];
  struct profile profile;
  uint64_t configured_us;

  struct pattern slot[BOX_SLOTS];
  uint32_t newest_stimulus, session, session_stimuli;
  struct account account[BOX_OUTPUTS];

  uint8_t token[MEA_TOKEN_BYTES];

  /*
   * What follows is shared with box_tick, which interrupts the loop: the loop changes it under hal_lock. The timer ends
   * the arming by itself; `expired` tells the loop to say so.
   */
  bool armed;
  enum cause expired;
  uint64_t heard_us, armed_until_us;
  struct stimulus waiting[BOX_QUEUE];
  /* Places in `waiting`, by time. */
  uint8_t queue[BOX_QUEUE];
  uint32_t queued;
  struct event events[EVENTS];
  uint32_t event_count;

  /* Only the timer's. */
  struct player player[BOX_OUTPUTS];
  bool has_left[BOX_OUTPUTS];
  uint64_t left_us[BOX_OUTPUTS];
  uint8_t levels;
} box;

/* Sample of the counter at this time of the clock. */
static uint64_t to_sample(uint64_t us) {
  return box.state == RUNNING ? box.sample + (us - box.sample_us) / BOX_US_PER_SAMPLE : box.sample;
}

/* When a sample begins, while running. */
static uint64_t to_us(uint64_t sample) { return box.sample_us + (sample - box.sample) * BOX_US_PER_SAMPLE; }

static uint64_t sample_now(void) { return to_sample(hal_micros()); }

/* ---- sending ---------------------------------------------------------------------------------------------------- */

/* Writes a DeviceMessage whose field `number` has this body; returns its length. */
static size_t write_message(uint8_t *message, size_t capacity, uint32_t sequence, uint32_t number,
                            const struct mea_writer *body) {
  struct mea_writer writer = mea_write(message, capacity);
  mea_put_fixed32(&writer, 1, sequence);
  /* A body that is empty is there all the same. */
  size_t inside = mea_begin(&writer, number);
  memcpy(writer.bytes + writer.length, body->bytes, body->length);
  writer.length += body->length;
  mea_end(&writer, inside);
  return writer.length;
}

static bool send_frame(uint8_t lane, const uint8_t *message, size_t length) {
  static uint8_t frame[BODY_BYTES + 32];
  return hal_send(frame, mea_encode_frame(lane, message, length, frame));
}

/* Sends on the control lane, or not at all when the line is full: a host asks again, and the number shows the gap. */
static void send_control(uint32_t number, const struct mea_writer *body) {
  static uint8_t message[BODY_BYTES + 16];
  size_t length = write_message(message, sizeof message, box.control_sequence++, number, body);
  if (!send_frame(MEA_LANE_CONTROL, message, length)) box.unsent++;
}

/* Gives the line what it takes of the data lane. What left the ring before that is a gap in the numbers. */
static void pump(void) {
  while (box.flows && box.sent_sequence != box.data_sequence) {
    if ((int32_t)(box.sent_sequence - box.oldest_sequence) < 0) box.sent_sequence = box.oldest_sequence;
    const struct kept *kept = &box.ring[box.sent_sequence % RING];
    if (!send_frame(MEA_LANE_DATA, kept->bytes, kept->length)) return;
    box.sent_sequence++;
  }
}

static void send_data(uint32_t number, const struct mea_writer *body) {
  struct kept *kept = &box.ring[box.data_sequence % RING];
  kept->length = (uint8_t)write_message(kept->bytes, sizeof kept->bytes, box.data_sequence++, number, body);
  if (box.data_sequence - box.oldest_sequence > RING) box.oldest_sequence = box.data_sequence - RING;
  pump();
}

static void send_heartbeat(void) {
  uint8_t bytes[40];
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  /* All before it were given to the line. */
  mea_put_fixed32(&body, 1, box.flows ? box.sent_sequence : box.data_sequence);
  mea_put_uint(&body, 2, sample_now());
  mea_put_uint(&body, 3, box.state);
  mea_put_uint(&body, 4, box.armed);
  send_control(DEVICE_HEARTBEAT, &body);
}

static void send_armed_changed(enum cause cause) {
  uint8_t bytes[24];
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  mea_put_uint(&body, 1, sample_now());
  mea_put_uint(&body, 2, box.armed);
  mea_put_uint(&body, 3, cause);
  send_data(DATA_ARMED, &body);
}

static void send_dropped(uint32_t id, uint64_t sample, enum drop reason, const char *message) {
  uint8_t bytes[TEXT_BYTES + 24];
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  mea_put_uint(&body, 1, id);
  mea_put_uint(&body, 2, sample);
  mea_put_uint(&body, 3, reason);
  mea_put_text(&body, 4, message);
  send_data(DATA_DROPPED, &body);
}

static void send_delivered(const struct event *event) {
  uint8_t bytes[48], electrodes[BOX_OUTPUTS];
  uint8_t count = 0;
  for (uint8_t output = 0; output < BOX_OUTPUTS; output++) {
    if ((event->electrodes >> output & 1) != 0) electrodes[count++] = output;
  }
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  mea_put_uint(&body, 1, event->id);
  mea_put_uint(&body, 2, event->sample);
  mea_put_uint(&body, 3, event->slot);
  /* Packed: numbers below 128 are one byte each. */
  mea_put_bytes(&body, 4, electrodes, count);
  send_data(DATA_DELIVERED, &body);
}

/* ---- replies ---------------------------------------------------------------------------------------------------- */

static struct {
  uint8_t bytes[BODY_BYTES];
  struct mea_writer body;
} reply;

static void begin_reply(uint32_t command_id) {
  reply.body = mea_write(reply.bytes, sizeof reply.bytes);
  mea_put_uint(&reply.body, 1, command_id);
}

static void reply_done(void) { mea_end(&reply.body, mea_begin(&reply.body, RESULT_DONE)); }

static void reply_refused(enum refusal reason, enum rule rule, const char *message) {
  size_t inside = mea_begin(&reply.body, RESULT_REFUSED);
  mea_put_uint(&reply.body, 1, reason);
  mea_put_uint(&reply.body, 2, rule);
  mea_put_text(&reply.body, 3, message);
  mea_end(&reply.body, inside);
}

static void refuse(enum refusal reason, const char *message) { reply_refused(reason, RULE_NONE, message); }

/* The first rule, in their order, that a check has found broken. */
static struct {
  enum rule rule;
  char message[120];
} verdict;

static void begin_check(void) { verdict.rule = RULE_NONE; }

/* Refuses when a rule was found broken. */
static bool passes(void) {
  if (verdict.rule == RULE_NONE) return true;
  reply_refused(REFUSED_SAFETY, verdict.rule, verdict.message);
  return false;
}

static void broken(enum rule rule, uint8_t output, const char *what) {
  if (verdict.rule != RULE_NONE && verdict.rule <= rule) return;
  verdict.rule = rule;
  snprintf(verdict.message, sizeof verdict.message, "%s (electrode %u)", what, (unsigned)output);
}

/* At most the limit, but for rounding. False for what is no number. */
static bool fits(double value, double limit) { return value <= limit * (1 + 1e-9); }

/* Says the value and the limit, both printed without floating point, which small C libraries leave out. */
static void within(enum rule rule, uint8_t output, const char *what, double value, double limit) {
  char text[96];
  if (fits(value, limit)) return;
  long v = (long)((value < 2e6 ? value : 2e6) * 1000), l = (long)((limit < 2e6 ? limit : 2e6) * 1000);
  snprintf(text, sizeof text, "%s %ld.%03ld, limit %ld.%03ld", what, v / 1000, v % 1000, l / 1000, l % 1000);
  broken(rule, output, text);
}

/* ---- the account ------------------------------------------------------------------------------------------------- */

/* What began more than a second ago is over, and in no second with what is still to come. */
static void forget_old(struct account *account, uint64_t now_us) {
  uint32_t left = 0;
  for (uint32_t i = 0; i < account->count; i++) {
    const struct given *given = &account->given[i];
    if (given->at_us + US_PER_S >= now_us) {
      account->given[left++] = *given;
      continue;
    }
    if (!account->has_older || given->at_us > account->older_us) account->older_us = given->at_us;
    account->has_older = true;
  }
  account->count = left;
}

static void commit(uint32_t id, const struct pattern *pattern, uint64_t at_us) {
  box.session_stimuli++;
  for (uint8_t i = 0; i < pattern->pulses; i++) {
    const struct pulse *pulse = &pattern->pulse[i];
    struct account *account = &box.account[pulse->output];
    struct given given = {id, box.session, pulse->length_us, at_us, pulse->charge_nc, pulse->net_nc, pulse->high_us, pulse->peak_ua};
    account->given[account->count++] = given;
    account->session_nc += pulse->charge_nc;
    account->net_nc += pulse->net_nc;
  }
}

/* Takes a stimulus out of the account that did not leave. Those that wait are always of this session. */
static void release(uint32_t id) {
  box.session_stimuli--;
  for (uint8_t output = 0; output < BOX_OUTPUTS; output++) {
    struct account *account = &box.account[output];
    for (uint32_t i = 0; i < account->count; i++) {
      if (account->given[i].stimulus != id) continue;
      account->session_nc -= account->given[i].charge_nc;
      account->net_nc -= account->given[i].net_nc;
      account->given[i] = account->given[--account->count];
      break;
    }
  }
}

/* Notes when a stimulus really left. */
static void confirm(const struct event *event) {
  for (uint8_t output = 0; output < BOX_OUTPUTS; output++) {
    struct account *account = &box.account[output];
    for (uint32_t i = 0; i < account->count; i++) {
      if (account->given[i].stimulus == event->id) account->given[i].at_us = event->at_us;
    }
  }
}

static void begin_session(void) {
  box.session++;
  box.session_stimuli = 0;
  for (uint8_t output = 0; output < BOX_OUTPUTS; output++) {
    box.account[output].session_nc = 0;
    box.account[output].net_nc = 0;
  }
}

/* ---- arming ----------------------------------------------------------------------------------------------------- */

static void drop_stimulus(uint32_t id, uint64_t sample, enum drop reason, const char *message) {
  release(id);
  send_dropped(id, sample, reason, message);
}

/* Says what the timer did. */
static void tell_events(void) {
  for (;;) {
    struct event event;
    uint32_t lock = hal_lock();
    bool any = box.event_count > 0;
    if (any) {
      event = box.events[0];
      box.event_count--;
      memmove(box.events, box.events + 1, box.event_count * sizeof box.events[0]);
    }
    hal_unlock(lock);
    if (!any) return;
    if (event.drop == DROP_SAFETY) {
      drop_stimulus(event.id, event.sample, event.drop, "a pulse before it left late: too close, or too many at once");
    } else if (event.drop == DROP_DEVICE_FAULT) {
      drop_stimulus(event.id, event.sample, event.drop, "its sample is over: this box came late");
    } else {
      confirm(&event);
      send_delivered(&event);
    }
  }
}

/* Takes the stimulus out of the queue that waits at this place of it; under hal_lock. */
static void take_from_queue(uint32_t at) {
  box.waiting[box.queue[at]].used = false;
  box.queued--;
  memmove(box.queue + at, box.queue + at + 1, box.queued - at);
}

static void purge(enum drop reason, const char *message) {
  uint32_t ids[BOX_QUEUE];
  uint64_t samples[BOX_QUEUE];
  uint32_t count = 0;
  uint32_t lock = hal_lock();
  while (box.queued > 0) {
    const struct stimulus *stimulus = &box.waiting[box.queue[0]];
    ids[count] = stimulus->id;
    samples[count++] = stimulus->sample;
    take_from_queue(0);
  }
  hal_unlock(lock);
  tell_events();
  for (uint32_t i = 0; i < count; i++) drop_stimulus(ids[i], samples[i], reason, message);
}

/* The one way out of being armed. A pulse that flows is balanced, so it is played to its end. */
static void disarm(enum cause cause, const char *message) {
  uint32_t lock = hal_lock();
  bool was_armed = box.armed || box.expired != 0;
  if (box.expired != 0) cause = box.expired;
  box.armed = false;
  box.expired = 0;
  hal_unlock(lock);
  if (!was_armed) return;
  memset(box.token, 0, sizeof box.token);
  if (cause == CAUSE_WATCHDOG) message = "no heartbeat in time";
  if (cause == CAUSE_ARMED_TIME) message = "the armed time is over";
  purge(cause == CAUSE_ABORT ? DROP_ABORTED : cause == CAUSE_STOPPED ? DROP_STOPPED : DROP_DISARMED, message);
  send_armed_changed(cause);
}

/* Says what the timer did since the last time: after this the loop and the timer agree. */
static void settle(void) {
  tell_events();
  if (box.expired != 0) disarm(box.expired, "");
}

/* Takes as long for a wrong token as for the right one. */
static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t length) {
  uint8_t difference = 0;
  for (size_t i = 0; i < length; i++) difference |= a[i] ^ b[i];
  return difference == 0;
}

static void hear_heartbeat(struct mea_reader reader) {
  struct mea_field field;
  const uint8_t *token = NULL;
  uint64_t armed_for_ms = 0;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_BYTES && field.length == MEA_TOKEN_BYTES) token = field.bytes;
    if (field.number == 3 && field.wire_type == MEA_VARINT) armed_for_ms = field.value;
  }
  if (reader.bad || !box.armed || token == NULL || !same_bytes(token, box.token, MEA_TOKEN_BYTES)) return;
  if (armed_for_ms > UINT32_MAX) return;
  uint64_t now_us = hal_micros();
  uint32_t lock = hal_lock();
  box.heard_us = now_us;
  box.armed_until_us = now_us + armed_for_ms * US_PER_MS;
  hal_unlock(lock);
}

/* ---- the safety profile ----------------------------------------------------------------------------------------- */

static bool read_electrode(struct mea_reader reader, struct profile *profile, int64_t *electrode_before) {
  struct mea_field field;
  struct electrode electrode = {true, true, false, 0, 0};
  uint64_t number = UINT64_MAX;
  uint32_t before = 0, seen = 0;
  while (mea_next_field(&reader, &field)) {
    if (field.number <= before || field.number > 4) return false;
    before = field.number;
    seen |= 1u << field.number;
    if (field.number == 1) number = field.value;
    if (field.number == 2) electrode.area_um2 = mea_to_double(field.value);
    if (field.number == 3) electrode.impedance_ohm = mea_to_double(field.value);
    if (field.number == 3) electrode.measured = true;
    if (field.number == 4) electrode.masked = field.value != 0;
  }
  /* All but the impedance must be there. */
  if (reader.bad || (seen | 1u << 3) != 0x1e) return false;
  if (number > 65535 || (int64_t)number <= *electrode_before) return false;
  *electrode_before = (int64_t)number;
  /* An electrode that this box has not got is nobody's danger. */
  if (number < BOX_OUTPUTS) profile->electrode[number] = electrode;
  return true;
}

/* Reads the limits; false when one is missing or unknown, or the fields are not in order. */
static bool read_profile(struct mea_reader reader, struct profile *profile) {
  struct mea_field field;
  uint32_t before = 0, seen = 0;
  int64_t electrode_before = -1;
  memset(profile, 0, sizeof *profile);
  while (mea_next_field(&reader, &field)) {
    if (field.number >= P_FIELDS || field.number < before) return false;
    if (field.number == before && field.number != P_ELECTRODES) return false;
    before = field.number;
    seen |= 1u << field.number;
    if (field.number == P_ELECTRODES) {
      if (field.wire_type != MEA_BYTES || !read_electrode(mea_inside(&field), profile, &electrode_before)) return false;
      continue;
    }
    double value = field.wire_type == MEA_FIXED64 ? mea_to_double(field.value) : (double)field.value;
    /* Also false for what is no number. */
    if (!(value >= 0 && value < 1e300)) return false;
    profile->limit[field.number] = value;
  }
  /* The profile lists its electrodes, or none may be pulsed. */
  return !reader.bad && (seen | 1u << P_ELECTRODES) == (1u << P_FIELDS) - 2;
}

static void configure(struct mea_reader reader) {
  static struct profile limits;
  struct mea_field field, profile = {0, 0, 0, NULL, 0};
  uint64_t block_frames = 0;
  if (box.state == RUNNING) {
    refuse(REFUSED_WRONG_STATE, "stop before configuring");
    return;
  }
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) block_frames = field.value;
    if (field.number == 2 && field.wire_type == MEA_BYTES) profile = field;
  }
  if (reader.bad || block_frames == 0 || block_frames > BOX_MAX_BLOCK_FRAMES) {
    refuse(REFUSED_BAD_ARGUMENT, "a block has 1 to 65535 frames");
    return;
  }
  if (!read_profile(mea_inside(&profile), &limits)) {
    refuse(REFUSED_BAD_ARGUMENT, "the safety profile is not in its canonical form, or has a limit that is not known");
    return;
  }
  disarm(CAUSE_RECONFIGURED, "configured anew");
  memset(box.slot, 0, sizeof box.slot);
  box.profile = limits;
  box.configured = true;
  box.state = READY;
  /* The impedances age from here on. What left before still counts, and so does its session. */
  box.configured_us = hal_micros();
  mea_sha256(profile.bytes, profile.length, box.profile_hash);
  size_t inside = mea_begin(&reply.body, RESULT_CONFIGURED);
  mea_put_bytes(&reply.body, 1, box.profile_hash, sizeof box.profile_hash);
  mea_put_uint(&reply.body, 2, block_frames);
  mea_end(&reply.body, inside);
}

/* ---- patterns --------------------------------------------------------------------------------------------------- */

/* Largest |charge| between any two moments of a pulse: its running sum, from the lowest to the highest. */
static double find_swing_nc(const struct pulse *pulse, const double *current_ua) {
  double sum = 0, lowest = 0, highest = 0;
  for (uint8_t p = 0; p < pulse->phases; p++) {
    sum += current_ua[p] * pulse->duration_us[p] / 1000;
    if (sum < lowest) lowest = sum;
    if (sum > highest) highest = sum;
  }
  return highest - lowest;
}

static void check_gaps(const struct pulse *pulse, const double *current_ua) {
  const double *limit = box.profile.limit;
  double gap_us = 0;
  bool first = true;
  for (uint8_t p = 0; p < pulse->phases; p++) {
    if ((pulse->high >> p & 1) == 0) {
      gap_us += pulse->duration_us[p];
      continue;
    }
    /* 1: negative first, 2: positive first, 3: either. */
    if (first && limit[P_POLARITY] != 3 && (current_ua[p] < 0) != (limit[P_POLARITY] == 1)) {
      broken(RULE_POLARITY, pulse->output, "the first phase has the wrong polarity");
    }
    if (!first) within(RULE_INTERPHASE_GAP, pulse->output, "shortest gap in us", limit[P_MIN_GAP], gap_us);
    first = false;
    gap_us = 0;
  }
}

/* The limits that a pulse keeps or breaks by itself, as if it were the first of a session. */
static void check_pulse(const struct pulse *pulse, const double *current_ua) {
  const double *limit = box.profile.limit;
  const struct electrode *electrode = &box.profile.electrode[pulse->output];
  uint8_t with_current = 0, output = pulse->output;
  double net = pulse->net_nc < 0 ? -pulse->net_nc : pulse->net_nc;
  double swing_nc = find_swing_nc(pulse, current_ua);
  for (uint8_t p = 0; p < pulse->phases; p++) {
    if ((pulse->high >> p & 1) == 0) continue;
    double us = pulse->duration_us[p];
    with_current++;
    within(RULE_PHASE_WIDTH, output, "phase in us", us, limit[P_MAX_PHASE]);
    within(RULE_PHASE_WIDTH, output, "shortest phase in us", limit[P_MIN_PHASE], us);
    if (us == 0) broken(RULE_PHASE_WIDTH, output, "a phase without a duration");
  }
  if (with_current == 0) broken(RULE_PHASE_COUNT, output, "no phase with a current");
  within(RULE_PHASE_COUNT, output, "phases", with_current, limit[P_MAX_PHASES] < BOX_MAX_PHASES ? limit[P_MAX_PHASES] : BOX_MAX_PHASES);
  within(RULE_CURRENT, output, "current in uA", pulse->peak_ua, limit[P_MAX_CURRENT] < BOX_MAX_UA ? limit[P_MAX_CURRENT] : BOX_MAX_UA);
  within(RULE_PHASE_WIDTH, output, "whole pulse in us", pulse->length_us, (double)US_PER_S);
  within(RULE_CHARGE, output, "charge per phase in nC", swing_nc, limit[P_MAX_CHARGE]);
  /* 1 nC / um2 is 1e5 uC / cm2. */
  within(RULE_CHARGE_DENSITY, output, "charge density x area", swing_nc * 1e5, limit[P_MAX_DENSITY] * electrode->area_um2);
  within(RULE_BALANCE, output, "net charge in nC", net, limit[P_MAX_IMBALANCE] * pulse->charge_nc);
  within(RULE_NET_CHARGE, output, "net charge in nC", net, limit[P_NET_CHARGE]);
  check_gaps(pulse, current_ua);
  if (!electrode->measured || electrode->impedance_ohm <= 0) broken(RULE_IMPEDANCE, output, "the impedance was not measured");
  within(RULE_COMPLIANCE, output, "voltage in V", pulse->peak_ua * electrode->impedance_ohm * 1e-6, 0.8 * limit[P_COMPLIANCE]);
  within(RULE_RATE, output, "pulses in a second", 1, limit[P_MAX_RATE]);
  within(RULE_DUTY, output, "share of a second", pulse->high_us / 1e6, limit[P_MAX_DUTY]);
  within(RULE_CHARGE_RATE, output, "charge in a second in nC", pulse->charge_nc, limit[P_MAX_CHARGE_PER_SECOND]);
  within(RULE_SESSION_CHARGE, output, "charge of the session in nC", pulse->charge_nc, limit[P_MAX_SESSION_CHARGE]);
}

static void check_impedance_age(const struct pattern *pattern, uint64_t at_us) {
  const double *limit = box.profile.limit;
  double age_s = limit[P_IMPEDANCE_AGE] + (double)(at_us - box.configured_us) / 1e6;
  if (pattern->pulses == 0) return;
  within(RULE_IMPEDANCE, pattern->pulse[0].output, "age of the impedances in s", age_s, limit[P_MAX_IMPEDANCE_AGE]);
}

/* Reads a pulse and checks it; false when it cannot be stored, which is then said. */
static bool read_pulse(struct mea_reader reader, struct pattern *pattern) {
  struct mea_field field;
  double current_ua[BOX_PHASES];
  struct pulse pulse = {0};
  uint64_t electrode = 0, length_us = 0;
  bool vanishes = false;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) electrode = field.value;
    if (field.number != 2 || field.wire_type != MEA_BYTES) continue;
    struct mea_reader phase = mea_inside(&field);
    int64_t current_na = 0;
    uint64_t duration_ns = 0;
    while (mea_next_field(&phase, &field)) {
      if (field.number == 1 && field.wire_type == MEA_VARINT) current_na = mea_to_signed(field.value);
      if (field.number == 2 && field.wire_type == MEA_VARINT) duration_ns = field.value;
    }
    if (phase.bad || duration_ns > UINT32_MAX || current_na > INT32_MAX || current_na < -INT32_MAX) {
      refuse(REFUSED_BAD_ARGUMENT, "a phase is out of bounds");
      return false;
    }
    if (pulse.phases == BOX_PHASES) {
      reply_refused(REFUSED_SAFETY, RULE_SCHEMA, "a pulse has at most 32 phases, gaps included");
      return false;
    }
    /* Nearest microsecond, which is what is checked below. */
    uint32_t us = (uint32_t)((duration_ns + 500) / 1000);
    double ua = (double)current_na / 1000;
    double magnitude = ua < 0 ? -ua : ua;
    if (us == 0 && duration_ns != 0) vanishes = true;
    current_ua[pulse.phases] = ua;
    pulse.duration_us[pulse.phases] = us;
    length_us += us;
    if (current_na != 0) {
      pulse.high |= 1u << pulse.phases;
      pulse.charge_nc += magnitude * us / 1000;
      pulse.high_us += us;
      pulse.net_nc += ua * us / 1000;
      if (magnitude > pulse.peak_ua) pulse.peak_ua = magnitude;
    }
    pulse.phases++;
  }
  if (reader.bad || electrode > 65535) {
    refuse(REFUSED_BAD_ARGUMENT, "no such electrode");
    return false;
  }
  if (electrode >= BOX_OUTPUTS || !box.profile.electrode[electrode].listed || box.profile.electrode[electrode].masked) {
    broken(RULE_ELECTRODE, (uint8_t)(electrode < 255 ? electrode : 255), "not released by the profile");
    return true;
  }
  pulse.output = (uint8_t)electrode;
  pulse.length_us = length_us < UINT32_MAX ? (uint32_t)length_us : UINT32_MAX;
  /* What rounding leaves of charges that cancel is not charge. */
  if ((pulse.net_nc < 0 ? -pulse.net_nc : pulse.net_nc) <= 1e-12 * pulse.charge_nc) pulse.net_nc = 0;
  for (uint8_t i = 0; i < pattern->pulses; i++) {
    if (pattern->pulse[i].output != pulse.output) continue;
    reply_refused(REFUSED_SAFETY, RULE_SCHEMA, "an electrode twice");
    return false;
  }
  if (vanishes) broken(RULE_PHASE_WIDTH, pulse.output, "a duration is less than half a microsecond");
  check_pulse(&pulse, current_ua);
  pattern->pulse[pattern->pulses++] = pulse;
  return true;
}

static void upload(struct mea_reader reader) {
  static struct pattern pattern;
  struct mea_field field;
  uint64_t slot = 0;
  double summed_ua = 0;
  memset(&pattern, 0, sizeof pattern);
  pattern.used = true;
  if (!box.configured) {
    refuse(REFUSED_NOT_CONFIGURED, "send configure first");
    return;
  }
  struct mea_reader look = reader;
  while (mea_next_field(&look, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) slot = field.value;
  }
  if (look.bad || slot >= BOX_SLOTS) {
    refuse(REFUSED_BAD_ARGUMENT, "this box has slots 0 to 15");
    return;
  }
  begin_check();
  while (mea_next_field(&reader, &field)) {
    if (field.number == 2 && field.wire_type == MEA_BYTES && !read_pulse(mea_inside(&field), &pattern)) return;
  }
  for (uint8_t i = 0; i < pattern.pulses; i++) summed_ua += pattern.pulse[i].peak_ua;
  check_impedance_age(&pattern, hal_micros());
  within(RULE_SIMULTANEOUS, 0, "electrodes at once", pattern.pulses, box.profile.limit[P_MAX_SIMULTANEOUS]);
  within(RULE_SUMMED_CURRENT, 0, "summed current in uA", summed_ua, box.profile.limit[P_MAX_SUMMED]);
  within(RULE_SESSION_STIMULI, 0, "stimuli of the session", 1, box.profile.limit[P_MAX_STIMULI]);
  if (!passes()) return;
  box.slot[slot] = pattern;
  reply_done();
}

/* ---- stimuli ---------------------------------------------------------------------------------------------------- */

/* Start to start in milliseconds, and whether the first pulse is over by then. */
static void check_apart(uint8_t output, uint64_t first_us, uint64_t length_us, uint64_t second_us) {
  double apart_us = (double)(second_us - first_us);
  within(RULE_INTERVAL, output, "shortest interval in ms", box.profile.limit[P_MIN_INTERVAL], apart_us / 1000);
  within(RULE_INTERVAL, output, "end of the pulse before in ms", (double)length_us / 1000, apart_us / 1000);
}

/* The second that begins at `from_us`, in which the new pulse lies. */
static void check_second(const struct pulse *pulse, uint64_t from_us) {
  const struct account *account = &box.account[pulse->output];
  const double *limit = box.profile.limit;
  double pulses = 1, high_us = pulse->high_us, charge_nc = pulse->charge_nc;
  for (uint32_t i = 0; i < account->count; i++) {
    const struct given *given = &account->given[i];
    if (given->at_us < from_us || given->at_us - from_us >= US_PER_S) continue;
    pulses++;
    high_us += given->high_us;
    charge_nc += given->charge_nc;
  }
  within(RULE_RATE, pulse->output, "pulses in a second", pulses, limit[P_MAX_RATE]);
  within(RULE_DUTY, pulse->output, "share of a second", high_us / 1e6, limit[P_MAX_DUTY]);
  within(RULE_CHARGE_RATE, pulse->output, "charge in a second in nC", charge_nc, limit[P_MAX_CHARGE_PER_SECOND]);
}

/* The limits that depend on what the electrode got before, and is to get after. */
static void check_history(const struct pulse *pulse, uint64_t at_us, uint64_t now_us) {
  struct account *account = &box.account[pulse->output];
  const double *limit = box.profile.limit;
  double net = account->net_nc + pulse->net_nc;
  forget_old(account, now_us);
  if (account->has_older) check_apart(pulse->output, account->older_us, 0, at_us);
  check_second(pulse, at_us);
  for (uint32_t i = 0; i < account->count; i++) {
    const struct given *given = &account->given[i];
    if (given->at_us > at_us) {
      check_apart(pulse->output, at_us, pulse->length_us, given->at_us);
      continue;
    }
    check_apart(pulse->output, given->at_us, given->length_us, at_us);
    if (at_us - given->at_us < US_PER_S) check_second(pulse, given->at_us);
  }
  if (account->count == HISTORY) broken(RULE_RATE, pulse->output, "more pulses in a second than this box can count");
  within(RULE_NET_CHARGE, pulse->output, "net charge in nC", net < 0 ? -net : net, limit[P_NET_CHARGE]);
  within(RULE_SESSION_CHARGE, pulse->output, "charge of the session in nC", account->session_nc + pulse->charge_nc,
         limit[P_MAX_SESSION_CHARGE]);
}

/* What flows at one moment, over all stimuli, with the pattern that is to begin at `at_us`. */
static void check_moment(const struct pattern *pattern, uint64_t at_us, uint64_t moment_us) {
  double count = 0, summed_ua = 0;
  for (uint8_t i = 0; i < pattern->pulses; i++) {
    if (moment_us - at_us >= pattern->pulse[i].length_us) continue;
    count++;
    summed_ua += pattern->pulse[i].peak_ua;
  }
  /* When none of the new pulses flows any more, the moment is not theirs. */
  if (count == 0) return;
  for (uint8_t output = 0; output < BOX_OUTPUTS; output++) {
    for (uint32_t i = 0; i < box.account[output].count; i++) {
      const struct given *given = &box.account[output].given[i];
      if (given->at_us > moment_us || moment_us - given->at_us >= given->length_us) continue;
      count++;
      summed_ua += given->peak_ua;
    }
  }
  within(RULE_SIMULTANEOUS, 0, "electrodes at once", count, box.profile.limit[P_MAX_SIMULTANEOUS]);
  within(RULE_SUMMED_CURRENT, 0, "summed current in uA", summed_ua, box.profile.limit[P_MAX_SUMMED]);
}

static bool check_stimulus(const struct pattern *pattern, uint64_t at_us, uint64_t now_us) {
  begin_check();
  check_impedance_age(pattern, at_us);
  for (uint8_t i = 0; i < pattern->pulses; i++) check_history(&pattern->pulse[i], at_us, now_us);
  if (pattern->pulses > 0) check_moment(pattern, at_us, at_us);
  for (uint8_t output = 0; output < BOX_OUTPUTS && pattern->pulses > 0; output++) {
    for (uint32_t i = 0; i < box.account[output].count; i++) {
      uint64_t began_us = box.account[output].given[i].at_us;
      if (began_us > at_us) check_moment(pattern, at_us, began_us);
    }
  }
  within(RULE_SESSION_STIMULI, 0, "stimuli of the session", box.session_stimuli + 1.0, box.profile.limit[P_MAX_STIMULI]);
  return passes();
}

static bool holds_sample(uint64_t sample) {
  bool holds = false;
  uint32_t lock = hal_lock();
  for (uint32_t i = 0; i < box.queued; i++) holds = holds || box.waiting[box.queue[i]].sample == sample;
  hal_unlock(lock);
  return holds;
}

/* Fills a free place and puts it into the queue, by its time. There is one: the queue is not full. */
static void enqueue(const struct stimulus *stimulus) {
  uint8_t place = 0;
  while (box.waiting[place].used) place++;
  /* The timer does not look at a place that is not in the queue. */
  box.waiting[place] = *stimulus;
  uint32_t lock = hal_lock();
  uint32_t at = box.queued++;
  for (; at > 0 && box.waiting[box.queue[at - 1]].at_us > stimulus->at_us; at--) box.queue[at] = box.queue[at - 1];
  box.queue[at] = place;
  hal_unlock(lock);
}

static void trigger(struct mea_reader reader) {
  static struct stimulus stimulus;
  struct mea_field field;
  uint64_t id = 0, slot = 0, sample = 0, at_us, now_us = hal_micros(), now = to_sample(now_us);
  bool has_time = false, is_prompt = false;
  const uint8_t *token = NULL;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) id = field.value;
    if (field.number == 2 && field.wire_type == MEA_VARINT) slot = field.value;
    if (field.number == 3 && field.wire_type == MEA_VARINT) has_time = is_prompt = field.value != 0;
    if (field.number == 4 && field.wire_type == MEA_VARINT) {
      has_time = true;
      is_prompt = false;
      sample = field.value;
    }
    if (field.number == 5 && field.wire_type == MEA_BYTES && field.length == MEA_TOKEN_BYTES) token = field.bytes;
  }
  if (is_prompt) {
    for (sample = now; holds_sample(sample);) sample++;
  }
  at_us = sample == now ? now_us : to_us(sample);
  if (reader.bad || token == NULL || !has_time || sample > MAX_SAMPLE || id > UINT32_MAX) {
    refuse(REFUSED_BAD_ARGUMENT, "a trigger needs a time and a token of 16 bytes");
  } else if (box.state != RUNNING) refuse(REFUSED_WRONG_STATE, "start first");
  else if (!box.armed) refuse(REFUSED_NOT_ARMED, "arm first; this box never arms itself");
  else if (!same_bytes(token, box.token, MEA_TOKEN_BYTES)) refuse(REFUSED_BAD_TOKEN, "armed with another token");
  else if (slot >= BOX_SLOTS || !box.slot[slot].used) refuse(REFUSED_EMPTY_SLOT, "that slot holds no pattern");
  else if (id <= box.newest_stimulus) refuse(REFUSED_STALE_ID, "stimulus ids must rise");
  else if (sample < now) refuse(REFUSED_LATE, "that sample is past");
  else if (sample > now + BOX_MAX_AHEAD_MS * US_PER_MS / BOX_US_PER_SAMPLE) refuse(REFUSED_TOO_FAR_AHEAD, "at most 2000 ms ahead");
  else if (box.queued == BOX_QUEUE) refuse(REFUSED_QUEUE_FULL, "8 stimuli are waiting");
  else if (holds_sample(sample)) refuse(REFUSED_BAD_ARGUMENT, "another stimulus has that sample");
  else if (check_stimulus(&box.slot[slot], at_us, now_us)) {
    box.newest_stimulus = stimulus.id = (uint32_t)id;
    stimulus.used = true;
    stimulus.slot = (uint32_t)slot;
    stimulus.sample = sample;
    stimulus.at_us = at_us;
    stimulus.sample_us = to_us(sample);
    stimulus.is_prompt = is_prompt;
    stimulus.pattern = box.slot[slot];
    commit(stimulus.id, &stimulus.pattern, stimulus.at_us);
    enqueue(&stimulus);
    size_t inside = mea_begin(&reply.body, RESULT_SCHEDULED);
    mea_put_uint(&reply.body, 1, sample);
    mea_end(&reply.body, inside);
  }
}

static void cancel(struct mea_reader reader) {
  struct mea_field field;
  uint64_t id = 0, sample = 0;
  bool found = false;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) id = field.value;
  }
  uint32_t lock = hal_lock();
  for (uint32_t i = 0; i < box.queued && !found; i++) {
    if (box.waiting[box.queue[i]].id != id) continue;
    found = true;
    sample = box.waiting[box.queue[i]].sample;
    take_from_queue(i);
  }
  hal_unlock(lock);
  if (!found) {
    refuse(REFUSED_BAD_ARGUMENT, "that stimulus is not waiting");
    return;
  }
  drop_stimulus((uint32_t)id, sample, DROP_CANCELLED, "taken back by the controller");
  reply_done();
}

/* ---- the timer --------------------------------------------------------------------------------------------------- */

/* Sets the outputs to what they have at this time. */
static void play(uint64_t now_us) {
  uint8_t levels = 0;
  for (uint8_t output = 0; output < BOX_OUTPUTS; output++) {
    struct player *player = &box.player[output];
    if (!player->playing) continue;
    uint64_t since = now_us - player->since_us, end = 0;
    for (uint8_t p = 0; p < player->pulse.phases; p++) {
      uint64_t begin = end;
      end += player->pulse.duration_us[p];
      if (since >= begin && since < end && (player->pulse.high >> p & 1) != 0) levels |= (uint8_t)(1u << output);
    }
    if (since >= end) player->playing = false;
  }
  if (levels != box.levels) hal_set_outputs(levels);
  box.levels = levels;
}

/* Whether a pattern may begin now, by what really left before it and what flows. */
static bool may_begin(const struct pattern *pattern, uint64_t now_us) {
  const double *limit = box.profile.limit;
  double count = pattern->pulses, summed_ua = 0;
  for (uint8_t i = 0; i < pattern->pulses; i++) {
    uint8_t output = pattern->pulse[i].output;
    summed_ua += pattern->pulse[i].peak_ua;
    if (box.player[output].playing) return false;
    if (box.has_left[output] && !fits(limit[P_MIN_INTERVAL], (double)(now_us - box.left_us[output]) / 1000)) return false;
  }
  for (uint8_t output = 0; output < BOX_OUTPUTS; output++) {
    if (!box.player[output].playing) continue;
    count++;
    summed_ua += box.player[output].pulse.peak_ua;
  }
  return pattern->pulses == 0 || (fits(count, limit[P_MAX_SIMULTANEOUS]) && fits(summed_ua, limit[P_MAX_SUMMED]));
}

static void begin_pulses(const struct pattern *pattern, uint64_t now_us) {
  for (uint8_t i = 0; i < pattern->pulses; i++) {
    uint8_t output = pattern->pulse[i].output;
    box.player[output].playing = true;
    box.player[output].since_us = now_us;
    box.player[output].pulse = pattern->pulse[i];
    box.has_left[output] = true;
    box.left_us[output] = now_us;
  }
}

/* Delivers or drops the stimulus that is due; false when there is none. One that has to wait for another waits. */
static bool deliver_due(uint64_t now_us) {
  if (!box.armed || box.queued == 0 || box.event_count == EVENTS) return false;
  const struct stimulus *stimulus = &box.waiting[box.queue[0]];
  if (now_us < stimulus->at_us) return false;
  bool may = may_begin(&stimulus->pattern, now_us), is_late = now_us - stimulus->sample_us >= BOX_LATE_US;
  if (!may && !is_late) return false;
  struct event event = {0, stimulus->id, stimulus->slot, stimulus->sample, now_us, 0};
  if (!may) event.drop = DROP_SAFETY;
  else if (is_late && !stimulus->is_prompt) event.drop = DROP_DEVICE_FAULT;
  else {
    event.sample += (now_us - stimulus->sample_us) / BOX_US_PER_SAMPLE;
    for (uint8_t i = 0; i < stimulus->pattern.pulses; i++) event.electrodes |= (uint8_t)(1u << stimulus->pattern.pulse[i].output);
    begin_pulses(&stimulus->pattern, now_us);
  }
  take_from_queue(0);
  box.events[box.event_count++] = event;
  return true;
}

void box_tick(void) {
  uint32_t lock = hal_lock();
  uint64_t now_us = hal_micros();
  if (box.armed && now_us >= box.heard_us + BOX_WATCHDOG_MS * US_PER_MS) box.expired = CAUSE_WATCHDOG;
  else if (box.armed && now_us >= box.armed_until_us) box.expired = CAUSE_ARMED_TIME;
  if (box.expired != 0) box.armed = false;
  play(now_us);
  while (deliver_due(now_us)) play(now_us);
  hal_unlock(lock);
}

/* ---- the other commands ----------------------------------------------------------------------------------------- */

static void put_capabilities(struct mea_writer *body) {
  static const uint8_t OUTPUTS[BOX_OUTPUTS] = {0, 1, 2, 3, 4, 5, 6, 7};
  size_t inside = mea_begin(body, 1);
  mea_put_text(body, 1, "TTL pattern box");
  mea_put_text(body, 2, box.serial_number);
  mea_put_text(body, 3, "1.0.0");
  mea_put_uint(body, 4, 1);
  mea_put_uint(body, 6, box.emulated);
  mea_put_double(body, 8, 1e6 / BOX_US_PER_SAMPLE);
  mea_put_uint(body, 10, BOX_MAX_BLOCK_FRAMES);
  size_t stimulation = mea_begin(body, 11);
  mea_put_bytes(body, 1, OUTPUTS, sizeof OUTPUTS);
  mea_put_double(body, 2, 0.001);
  mea_put_double(body, 3, BOX_MAX_UA);
  mea_put_double(body, 4, 1);
  mea_put_uint(body, 5, BOX_MAX_PHASES);
  mea_put_uint(body, 6, BOX_SLOTS);
  mea_put_uint(body, 7, BOX_QUEUE);
  mea_put_uint(body, 8, 1); /* at-sample */
  mea_put_uint(body, 9, 1); /* acknowledged */
  mea_put_uint(body, 10, BOX_MAX_AHEAD_MS);
  mea_end(body, stimulation);
  mea_put_uint(body, 12, BOX_WATCHDOG_MS);
  mea_put_uint(body, 13, BOX_HEARTBEAT_MS);
  mea_put_uint(body, 14, BOX_RING_MS);
  mea_end(body, inside);
}

static void hello(struct mea_reader reader) {
  struct mea_field field;
  uint64_t major = 0;
  const uint8_t *client = NULL;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) major = field.value;
    if (field.number == 4 && field.wire_type == MEA_BYTES && field.length == MEA_TOKEN_BYTES) client = field.bytes;
  }
  if (reader.bad || client == NULL) {
    refuse(REFUSED_BAD_ARGUMENT, "a client id has 16 bytes");
    return;
  }
  if (major != 1) {
    refuse(REFUSED_VERSION, "this box speaks protocol 1");
    return;
  }
  bool is_known = box.has_client && same_bytes(client, box.client, sizeof box.client);
  /* There is one line and so one link: another client takes over at once. Nobody inherits an armed box. */
  disarm(CAUSE_LINK_LOST, "a controller said hello");
  if (!is_known) {
    memcpy(box.client, client, sizeof box.client);
    memset(box.replies, 0, sizeof box.replies);
    /* Its patterns are its own: a new controller finds empty slots, but not an empty history. */
    memset(box.slot, 0, sizeof box.slot);
    box.newest_command = 0;
    box.sent_sequence = box.data_sequence;
    box.flows = true;
  }
  box.has_client = box.has_controller = true;
  box.client_heard_us = hal_micros();
  size_t inside = mea_begin(&reply.body, RESULT_HELLO);
  put_capabilities(&reply.body);
  mea_put_fixed32(&reply.body, 2, box.boot_id);
  mea_put_fixed32(&reply.body, 3, box.data_sequence);
  mea_put_fixed32(&reply.body, 4, box.oldest_sequence);
  mea_put_uint(&reply.body, 5, box.newest_stimulus);
  mea_end(&reply.body, inside);
}

static void arm(struct mea_reader reader) {
  static const uint8_t ZEROS[MEA_TOKEN_BYTES];
  struct mea_field field;
  const uint8_t *token = NULL, *hash = NULL;
  bool is_meant = false;
  while (mea_next_field(&reader, &field)) {
    if (field.wire_type != MEA_BYTES) continue;
    if (field.number == 1 && field.length == MEA_TOKEN_BYTES) token = field.bytes;
    if (field.number == 2) {
      is_meant = field.length == strlen(box.serial_number) && memcmp(field.bytes, box.serial_number, field.length) == 0;
    }
    if (field.number == 3 && field.length == MEA_HASH_BYTES) hash = field.bytes;
  }
  if (reader.bad || token == NULL || hash == NULL || same_bytes(token, ZEROS, sizeof ZEROS)) {
    refuse(REFUSED_BAD_ARGUMENT, "arming needs a token of 16 bytes and a hash of 32");
  } else if (!box.configured) refuse(REFUSED_NOT_CONFIGURED, "send configure first");
  else if (!is_meant) refuse(REFUSED_WRONG_DEVICE, "meant for another device");
  else if (!same_bytes(hash, box.profile_hash, MEA_HASH_BYTES)) refuse(REFUSED_WRONG_PROFILE, "this box holds another profile");
  else if (box.armed || box.expired != 0) refuse(REFUSED_WRONG_STATE, "armed already: disarm first");
  else {
    memcpy(box.token, token, sizeof box.token);
    uint64_t now_us = hal_micros();
    uint32_t lock = hal_lock();
    box.heard_us = now_us;
    box.armed_until_us = UINT64_MAX;
    box.armed = true;
    hal_unlock(lock);
    reply_done();
    send_armed_changed(CAUSE_COMMAND);
  }
}

static void start(void) {
  uint8_t bytes[16];
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  if (box.state != READY) {
    refuse(box.state == IDLE ? REFUSED_NOT_CONFIGURED : REFUSED_WRONG_STATE, "start needs a device that is ready");
    return;
  }
  box.sample_us = hal_micros();
  box.state = RUNNING;
  mea_put_uint(&body, 1, box.sample);
  send_data(DATA_STARTED, &body);
  reply_done();
}

static void stop(void) {
  uint8_t bytes[16];
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  if (box.state != RUNNING) {
    refuse(REFUSED_WRONG_STATE, "not running");
    return;
  }
  disarm(CAUSE_STOPPED, "stopped by the controller");
  /* The sample counter stands from here on. */
  box.sample = sample_now();
  box.state = READY;
  /* No blocks, no frames, and a CRC over nothing. */
  mea_put_uint(&body, 1, box.sample);
  send_data(DATA_ENDED, &body);
  reply_done();
}

static void rest(struct mea_reader reader) {
  uint8_t bytes[24];
  struct mea_writer body = mea_write(bytes, sizeof bytes);
  struct mea_field field;
  uint64_t samples = 0, from = sample_now();
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) samples = field.value;
  }
  if (box.state != RUNNING) refuse(REFUSED_WRONG_STATE, "not running");
  else if (reader.bad || samples == 0 || samples > MAX_SAMPLE - from) refuse(REFUSED_BAD_ARGUMENT, "a rest takes 1 sample or more");
  else if (box.queued > 0) refuse(REFUSED_WRONG_STATE, "stimuli are waiting: cancel them or wait before a rest");
  else {
    /* A stimulus that the timer has just taken is of the session that ends here. */
    tell_events();
    box.sample += samples;
    begin_session();
    mea_put_uint(&body, 1, from);
    mea_put_uint(&body, 2, from + samples);
    send_data(DATA_RESTED, &body);
    reply_done();
  }
}

static void resume(struct mea_reader reader) {
  struct mea_field field;
  uint64_t boot_id = 0, from = 0;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_FIXED32) boot_id = field.value;
    if (field.number == 2 && field.wire_type == MEA_FIXED32) from = field.value;
  }
  if (reader.bad || boot_id != box.boot_id || (int32_t)((uint32_t)from - box.data_sequence) > 0) {
    refuse(REFUSED_BAD_ARGUMENT, "another boot, or a sequence that was not sent yet");
    return;
  }
  /* What the ring does not hold any more is a gap with known ends. */
  if ((int32_t)((uint32_t)from - box.oldest_sequence) < 0) from = box.oldest_sequence;
  box.sent_sequence = (uint32_t)from;
  box.flows = true;
  size_t inside = mea_begin(&reply.body, RESULT_RESUMED);
  mea_put_fixed32(&reply.body, 1, (uint32_t)from);
  mea_put_fixed32(&reply.body, 2, box.data_sequence);
  mea_end(&reply.body, inside);
}

static void status(void) {
  size_t inside = mea_begin(&reply.body, RESULT_STATUS);
  mea_put_uint(&reply.body, 1, box.state);
  mea_put_uint(&reply.body, 2, box.armed);
  mea_put_uint(&reply.body, 3, sample_now());
  mea_put_uint(&reply.body, 4, box.queued);
  mea_put_fixed32(&reply.body, 5, box.data_sequence);
  mea_end(&reply.body, inside);
}

static void carry_out(const struct mea_field *command) {
  struct mea_reader reader = mea_inside(command);
  switch (command->number) {
    case COMMAND_CONFIGURE: configure(reader); break;
    case COMMAND_START: start(); break;
    case COMMAND_STOP: stop(); break;
    case COMMAND_REST: rest(reader); break;
    case COMMAND_UPLOAD: upload(reader); break;
    case COMMAND_TRIGGER: trigger(reader); break;
    case COMMAND_CANCEL: cancel(reader); break;
    case COMMAND_ARM: arm(reader); break;
    case COMMAND_DISARM:
      disarm(CAUSE_COMMAND, "disarmed by the controller");
      reply_done();
      break;
    case COMMAND_RESUME: resume(reader); break;
    default: refuse(REFUSED_UNSUPPORTED, "this box only stimulates"); break;
  }
}

/* Answers a command that must not be carried out twice: again with the same reply, or for the first time. */
static void answer_once(uint32_t id, const struct mea_field *command) {
  for (unsigned i = 0; i < REMEMBERED; i++) {
    const struct remembered *known = &box.replies[i];
    if (id == 0 || known->id != id) continue;
    memcpy(reply.bytes, known->body, known->length);
    reply.body.length = known->length;
    return;
  }
  if (id <= box.newest_command) {
    refuse(REFUSED_STALE_ID, "that command is older than those answered already");
    return;
  }
  carry_out(command);
  box.newest_command = id;
  struct remembered *memory = &box.replies[box.next_reply++ % REMEMBERED];
  memory->id = id;
  memory->length = reply.body.length;
  memcpy(memory->body, reply.bytes, reply.body.length);
}

static void take_command(struct mea_reader reader) {
  struct mea_field field, command = {0, 0, 0, NULL, 0};
  uint64_t id = 0;
  while (mea_next_field(&reader, &field)) {
    if (field.number == 1 && field.wire_type == MEA_VARINT) id = field.value;
    /* Of several commands in one the last counts, as everywhere in Protocol Buffers. */
    if (field.number >= COMMAND_HELLO && field.number <= LAST_COMMAND && field.wire_type == MEA_BYTES) command = field;
  }
  if (reader.bad || id > UINT32_MAX) return;
  settle();
  begin_reply((uint32_t)id);
  if (command.number == COMMAND_ABORT) {
    disarm(CAUSE_ABORT, "aborted by the controller");
    purge(DROP_ABORTED, "aborted by the controller");
    reply_done();
  } else if (command.number == 0) refuse(REFUSED_UNKNOWN_COMMAND, "a command that this box does not know");
  else if (command.number == COMMAND_HELLO) hello(mea_inside(&command));
  else if (command.number == COMMAND_STATUS) status();
  else if (!box.has_controller) refuse(REFUSED_NOT_CONTROLLER, "say hello first");
  else answer_once((uint32_t)id, &command);
  send_control(DEVICE_REPLY, &reply.body);
  pump();
}

/* ---- the box ---------------------------------------------------------------------------------------------------- */

void box_begin(uint32_t boot_id, const char *serial_number, bool emulated) {
  memset(&box, 0, sizeof box);
  box.boot_id = boot_id;
  box.serial_number = serial_number;
  box.emulated = emulated;
  box.state = IDLE;
  hal_set_outputs(0);
}

void box_take_byte(uint8_t byte) {
  uint8_t lane;
  const uint8_t *message;
  size_t length;
  struct mea_field field;
  if (!mea_receive(&box.receiver, byte, &lane, &message, &length)) return;
  struct mea_reader reader = mea_read(message, length);
  box.client_heard_us = hal_micros();
  while (mea_next_field(&reader, &field)) {
    if (field.wire_type != MEA_BYTES) continue;
    if (field.number == 2) take_command(mea_inside(&field));
    if (field.number == 3) hear_heartbeat(mea_inside(&field));
  }
}

/* The controller is none any more. Where it comes back, it says first from where the data lane is to go on. */
static void lose_controller(const char *message) {
  disarm(CAUSE_LINK_LOST, message);
  box.has_controller = false;
  box.flows = false;
}

void box_run(void) {
  uint64_t now_us = hal_micros();
  settle();
  if (box.has_controller && now_us - box.client_heard_us >= BOX_SILENCE_MS * US_PER_MS) {
    lose_controller("nothing was heard of the controller for a second");
  }
  if (box.has_controller && now_us >= box.next_heartbeat) {
    pump();
    box.next_heartbeat = now_us + BOX_HEARTBEAT_MS * US_PER_MS;
    send_heartbeat();
  }
  pump();
}

void box_link_lost(void) { lose_controller("the link is gone"); }

bool box_is_waiting(void) { return box.queued > 0; }

/* The loop of src/pipeline/kernels in C with AVX2, eight channels a vector, for benchmarks/detector.ts: band-pass of two
 * sections, gated median tracker, crossing, search for the peak, dead time, the ringing rule, the same quiet fast path.
 * It has no masks, rails, guards or reference, settles nothing and sorts nothing: all that makes it faster, not slower.
 *
 *   detector FILE CHANNELS BLOCK EPOCH RUNS < settings
 *
 * FILE: int16 (frames, channels). Settings, on stdin: scale, (b1, a1, a2) of both sections (b2 = 1), limit and gate in
 * medians, first median, frames of search, dead time, ringing and gate, slope of the ringing rule, step.
 * Prints the best million samples per CPU second of RUNS passes, and the spikes of the first pass. */
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  float z0[8], w0[8], z1[8], w1[8], median[8], gate[8], limit[8], peak[8];
  int32_t gate_left[8], dead_left[8], search_left[8], best_age[8], ring_left[8];
  float best[8], ring_level[8];
  int32_t active, unused[7];
} Group;

typedef struct {
  int64_t sample;
  int32_t channel;
  float voltage;
} Spike;

static float scale, b1[2], a1[2], a2[2], limit_factor, gate_factor, first_median, ring_slope, up, down;
static int channels, epoch, search_frames, dead_frames, ring_frames, gate_frames;
static Spike *spikes;
static int64_t spike_count, spike_total;
static float rows[64][8] __attribute__((aligned(32)));

static inline uint64_t below(int count) { return count >= 64 ? ~0ull : count <= 0 ? 0 : (1ull << count) - 1; }

static inline void emit(int64_t sample, int channel, float voltage) {
  spikes[spike_count++] = (Spike){sample, channel, voltage};
}

static void filter(Group *g, const int16_t *from, int frames) {
  const __m256 vs = _mm256_set1_ps(scale), sign = _mm256_set1_ps(-0.0f);
  const __m256 p0 = _mm256_set1_ps(b1[0]), q0 = _mm256_set1_ps(a1[0]), r0 = _mm256_set1_ps(a2[0]);
  const __m256 p1 = _mm256_set1_ps(b1[1]), q1 = _mm256_set1_ps(a1[1]), r1 = _mm256_set1_ps(a2[1]);
  __m256 z0 = _mm256_loadu_ps(g->z0), w0 = _mm256_loadu_ps(g->w0), z1 = _mm256_loadu_ps(g->z1),
         w1 = _mm256_loadu_ps(g->w1), peak = _mm256_loadu_ps(g->peak);
  for (int i = 0; i < frames; i++, from += channels) {
    __m256 x = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)from))), vs);
    __m256 u = _mm256_add_ps(x, z0);
    z0 = _mm256_sub_ps(_mm256_add_ps(_mm256_mul_ps(p0, x), w0), _mm256_mul_ps(q0, u));
    w0 = _mm256_sub_ps(x, _mm256_mul_ps(r0, u));
    __m256 y = _mm256_add_ps(u, z1);
    z1 = _mm256_sub_ps(_mm256_add_ps(_mm256_mul_ps(p1, u), w1), _mm256_mul_ps(q1, y));
    w1 = _mm256_sub_ps(u, _mm256_mul_ps(r1, y));
    _mm256_store_ps(rows[i], y);
    peak = _mm256_max_ps(peak, _mm256_andnot_ps(sign, y));
  }
  _mm256_storeu_ps(g->z0, z0);
  _mm256_storeu_ps(g->w0, w0);
  _mm256_storeu_ps(g->z1, z1);
  _mm256_storeu_ps(g->w1, w1);
  _mm256_storeu_ps(g->peak, peak);
}

static void track_noise(Group *g, int position, int frames) {
  const __m256 sign = _mm256_set1_ps(-0.0f), vu = _mm256_set1_ps(up), vd = _mm256_set1_ps(down);
  __m256 median = _mm256_loadu_ps(g->median);
  for (int i = -position & 3; i < frames; i += 4) {
    __m256 above = _mm256_cmp_ps(_mm256_andnot_ps(sign, _mm256_load_ps(rows[i])), median, _CMP_GT_OQ);
    median = _mm256_mul_ps(median, _mm256_blendv_ps(vd, vu, above));
  }
  _mm256_storeu_ps(g->median, median);
}

static int scan(Group *g, int lane, int channel, uint64_t loud, uint64_t crossings, float median, int position,
                int frames, int64_t base) {
  uint64_t shut = below(g->gate_left[lane]), dead = below(g->dead_left[lane]);
  if (loud) {
    int last = 63 - __builtin_clzll(loud);
    int left = gate_frames - (frames - last);
    g->gate_left[lane] = left > 0 ? left : 0;
    for (; loud; loud &= loud - 1) {
      int first = __builtin_ctzll(loud);
      shut |= below(gate_frames) << first;
      if (first + gate_frames >= frames) break;
    }
  } else {
    g->gate_left[lane] = g->gate_left[lane] > frames ? g->gate_left[lane] - frames : 0;
  }
  int dead_end = g->dead_left[lane], ring_end = g->ring_left[lane], search = g->search_left[lane];
  int age = g->best_age[lane], searching = search > 0, i = 0;
  /* Without a search: the last frame's voltage if it was beyond the threshold, else 0. */
  float best = g->best[lane], before = best;
  for (;;) {
    if (searching) {
      int end = i + search < frames ? i + search : frames;
      search -= end - i;
      for (; i < end; i++) {
        float y = rows[i][lane];
        age++;
        if (y < best) best = y, age = 0;
      }
      if (search > 0) break;
      int peak = i - 1 - age;
      emit(base + peak, channel, best);
      g->ring_level[lane] = -best * ring_slope;
      dead_end = peak + dead_frames;
      ring_end = peak + ring_frames;
      dead |= below(dead_end) & ~below(i);
      searching = 0;
    }
    uint64_t left = crossings & ~below(i);
    for (; left; left &= left - 1) {
      i = __builtin_ctzll(left);
      float y = rows[i][lane];
      float least = g->ring_level[lane] * (float)(ring_end > i ? ring_end - i : 0), level = -y * ring_slope;
      if (i >= dead_end && -y > least && y < (i > 0 ? rows[i - 1][lane] : before)) break;
      if (level * (float)ring_frames > least) g->ring_level[lane] = level, ring_end = i + ring_frames;
    }
    if (!left) break;
    best = rows[i][lane];
    age = 0;
    search = search_frames - 1;
    dead_end = i + dead_frames;
    ring_end = i + ring_frames;
    dead |= below(dead_frames) << i;
    searching = 1;
    i++;
  }
  if (!searching) best = (crossings >> (frames - 1)) & 1 ? rows[frames - 1][lane] : 0;
  g->search_left[lane] = search;
  g->best[lane] = best;
  g->best_age[lane] = age;
  g->dead_left[lane] = dead_end > frames ? dead_end - frames : 0;
  g->ring_left[lane] = ring_end > frames ? ring_end - frames : 0;
  uint64_t open = ~(shut | dead) & below(frames) & (0x1111111111111111ull << (-position & 3));
  for (; open; open &= open - 1) {
    float y = rows[__builtin_ctzll(open)][lane];
    median *= (y < 0 ? -y : y) > median ? up : down;
  }
  g->median[lane] = median;
  return best != 0 || (g->gate_left[lane] | g->dead_left[lane] | g->search_left[lane] | g->ring_left[lane]) != 0;
}

static uint64_t bits_of(const uint8_t *bytes, int lane, int frames) {
  uint64_t bits = 0;
  for (int i = 0; i < frames; i += 16) {
    __m128i part = _mm_sll_epi16(_mm_loadu_si128((const __m128i *)(bytes + i)), _mm_cvtsi32_si128(7 - lane));
    bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(part) << i;
  }
  return bits & below(frames);
}

static void detect(Group *g, int group, int position, int frames, int64_t base) {
  const __m256 sign = _mm256_set1_ps(-0.0f), gate = _mm256_loadu_ps(g->gate), limit = _mm256_loadu_ps(g->limit);
  const __m256 quiet = _mm256_min_ps(gate, limit);
  int bits = g->active | _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(g->peak), quiet, _CMP_GT_OQ));
  if (!bits) {
    track_noise(g, position, frames);
    return;
  }
  float before[8];
  uint8_t gates[64], limits[64];
  memcpy(before, g->median, sizeof before);
  if (bits != 255) track_noise(g, position, frames);
  for (int i = 0; i < frames; i++) {
    __m256 y = _mm256_load_ps(rows[i]);
    gates[i] = (uint8_t)_mm256_movemask_ps(_mm256_cmp_ps(_mm256_andnot_ps(sign, y), gate, _CMP_GT_OQ));
    limits[i] = (uint8_t)_mm256_movemask_ps(_mm256_cmp_ps(_mm256_xor_ps(sign, y), limit, _CMP_GT_OQ));
  }
  int active = 0;
  for (; bits; bits &= bits - 1) {
    int lane = __builtin_ctz(bits);
    uint64_t loud = bits_of(gates, lane, frames), crossings = bits_of(limits, lane, frames);
    active |= scan(g, lane, 8 * group + lane, loud, crossings, before[lane], position, frames, base) << lane;
  }
  g->active = active;
}

static void end_epoch(Group *g) {
  __m256 median = _mm256_loadu_ps(g->median);
  _mm256_storeu_ps(g->gate, _mm256_mul_ps(median, _mm256_set1_ps(gate_factor)));
  _mm256_storeu_ps(g->limit, _mm256_mul_ps(median, _mm256_set1_ps(limit_factor)));
  _mm256_storeu_ps(g->peak, _mm256_setzero_ps());
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  channels = atoi(argv[2]);
  epoch = atoi(argv[4]);
  int block = atoi(argv[3]), runs = atoi(argv[5]), groups = channels / 8;
  float step;
  if (channels % 8 || epoch > 64) return 2;
  if (scanf("%f %f %f %f %f %f %f %f %f %f %d %d %d %d %f %f", &scale, &b1[0], &a1[0], &a2[0], &b1[1], &a1[1], &a2[1],
            &limit_factor, &gate_factor, &first_median, &search_frames, &dead_frames, &ring_frames, &gate_frames,
            &ring_slope, &step) != 16)
    return 2;
  up = 1 + step;
  down = 1 / (1 + step);
  FILE *file = fopen(argv[1], "rb");
  if (!file) return 1;
  fseek(file, 0, SEEK_END);
  int64_t frames = ftell(file) / (2 * channels);
  rewind(file);
  int16_t *samples = malloc((size_t)frames * channels * 2 + 64);
  if (fread(samples, 2 * channels, frames, file) != (size_t)frames) return 1;
  Group *all = aligned_alloc(64, sizeof(Group) * groups);
  spikes = malloc(sizeof(Spike) * channels * (block + 64));
  memset(all, 0, sizeof(Group) * groups);
  for (int g = 0; g < groups; g++) {
    for (int l = 0; l < 8; l++) all[g].median[l] = first_median;
    end_epoch(&all[g]);
  }
  double best = 0;
  int64_t at = 0, first = 0;
  for (int run = 0; run < runs; run++) {
    clock_t start = clock();
    for (int64_t b = 0; b < frames; b += block) {
      spike_count = 0;
      int64_t end = b + block < frames ? b + block : frames;
      for (int64_t i = b; i < end;) {
        int position = (int)(at % epoch), count = epoch - position;
        if (count > end - i) count = (int)(end - i);
        for (int g = 0; g < groups; g++) {
          filter(&all[g], samples + i * channels + 8 * g, count);
          detect(&all[g], g, position, count, at);
          if (position + count == epoch) end_epoch(&all[g]);
        }
        i += count;
        at += count;
      }
      spike_total += spike_count;
    }
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    double rate = (double)frames * channels / seconds / 1e6;
    if (rate > best) best = rate;
    if (run == 0) first = spike_total;
  }
  printf("%.1f %lld\n", best, (long long)first);
  return 0;
}

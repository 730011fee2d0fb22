// The gradient of convolution weights out of bfloat16. The sum runs over pixels, so a pair is two
// of them: the same pixel of two images, which are reached by the same taps. The last image of an
// odd batch is paired with zeros.
#include "core/cpu/pairs.h"
#include "core/cpu/weight_panels.h"

namespace fedcamae::cpu {
namespace {

// Pairs of pixels for which dy is packed once; each tap then reduces those it has, kDepth at a
// time.
constexpr int64_t kPixels = 256;

struct Problem {
  ConvShape d;
  const uint16_t* dy;
  const uint16_t* x;
  uint16_t* dw;
  int64_t pixels() const { return (d.n + 1) / 2 * d.oh * d.ow; }
  int64_t paired() const { return d.n / 2 * d.oh * d.ow; }  // pixels below have a partner
};

// A thread's part: its panels of all taps and its rows of each group.
class Part {
 public:
  Part(const Problem& p, Range panels, Range rows)
      : p_(p),
        panels_(panels),
        rows_(rows),
        count_(rows.end - rows.begin),
        tiles_size_((count_ + kTileRows - 1) / kTileRows * kTileRows * kPixels),
        blocks_((p.pixels() + kPixels - 1) / kPixels),
        tiles_(scratch_floats(Slot::kTiles, tiles_size_ * p.d.groups)),
        // Of one block nothing has to be kept: every panel may use the same sums.
        sums_(scratch_floats(Slot::kSums, (blocks_ > 1 ? panels.end - panels.begin : 1) * count_ *
                                              cpu_kernels().panel)),
        written_(scratch_of<bool>(Slot::kRuns, p.d.r * p.d.s)) {
    std::fill_n(written_, p.d.r * p.d.s, false);
  }

  void run() {
    for (int64_t block = 0; block < blocks_; ++block) {
      load(block * kPixels);
      const int64_t tap_size = panels_of_tap(p_.d);
      for (int64_t tap = panels_.begin / tap_size; tap * tap_size < panels_.end; ++tap)
        run_tap(tap, block + 1 >= blocks_);
    }
  }

 private:
  // Lists the pixels from `first` on and packs dy there.
  void load(int64_t first) {
    first_ = first;
    loaded_ = std::min(kPixels, p_.pixels() - first);
    pixels_ = scratch_of<OutputPixel>(Slot::kPixels, kPixels);
    list_pixels(p_.d, 2, first, loaded_, pixels_);
    int64_t* offsets = scratch_offsets(Slot::kOffsetsA, kPixels);
    for (int64_t i = 0; i < loaded_; ++i) offsets[i] = pixels_[i].dy_from;
    const int64_t partner = p_.d.oh * p_.d.ow * p_.d.k;
    const int64_t paired = std::clamp(p_.paired() - first, int64_t{0}, loaded_);
    for (int64_t g = 0; g < p_.d.groups; ++g)
      cpu_kernels().pack_tile_pairs(p_.dy + g * p_.d.group_k + rows_.begin, offsets, partner,
                                    paired, count_, loaded_, tiles_ + g * tiles_size_);
  }

  void run_tap(int64_t tap, bool last) {
    const ConvShape& d = p_.d;
    int64_t* dy_offsets = scratch_offsets(Slot::kOffsetsA, kPixels);
    int64_t* x_offsets = scratch_offsets(Slot::kOffsetsB, kPixels);
    int64_t valid = 0, paired = 0;
    for (int64_t i = 0; i < loaded_; ++i) {
      if (!reaches(d, pixels_[i], tap / d.s, tap % d.s)) continue;
      dy_offsets[valid] = i * kTileRows;
      x_offsets[valid++] = pixels_[i].x_from;
      if (first_ + i < p_.paired()) paired = valid;
    }
    const Range panels = panels_in_tap(d, panels_, tap);
    for (int64_t i = panels.begin; i < panels.end; ++i) {
      const WeightPanel panel = panel_at(d, i);
      float* sums = sums_of(tap, i);
      for (int64_t first = 0; first < valid; first += kDepth)
        add(panel, tap, {first, std::min(first + kDepth, valid)}, paired - first,
            written_[tap] || first > 0, sums);
      if (last && (valid > 0 || written_[tap])) write(panel, tap, sums);
    }
    written_[tap] = written_[tap] || valid > 0;
  }

  float* sums_of(int64_t tap, int64_t panel) const {
    if (blocks_ <= 1) return sums_;
    const int64_t index = tap * panels_of_tap(p_.d) + panel - panels_.begin;
    return sums_ + index * count_ * cpu_kernels().panel;
  }

  // Adds `steps` of the listed pairs, of which the first `paired` have both pixels.
  void add(const WeightPanel& panel, int64_t tap, Range steps, int64_t paired, bool accumulate,
           float* sums) {
    const CpuKernels& kernels = cpu_kernels();
    const ConvShape& d = p_.d;
    const int64_t* dy_offsets = scratch_offsets(Slot::kOffsetsA, kPixels) + steps.begin;
    const int64_t* x_offsets = scratch_offsets(Slot::kOffsetsB, kPixels) + steps.begin;
    const uint16_t* x =
        p_.x + (tap / d.s * d.w + tap % d.s) * d.c + panel.group * d.group_c + panel.channels.begin;
    float* packed = scratch_floats(Slot::kPanel, kDepth * kernels.panel);
    OuterPanel task{};
    task.steps = steps.end - steps.begin;
    task.columns = panel.columns();
    kernels.pack_row_pairs(x, 0, x_offsets, d.h * d.w * d.c, paired, task.columns, task.steps,
                           packed);
    task.a = tiles_ + panel.group * tiles_size_;
    task.a_tile = loaded_ * kTileRows;
    task.a_offsets = dy_offsets;
    task.rows = count_;
    task.b = packed;
    task.b_stride = padded_columns(task.columns);
    task.c = sums;
    task.c_stride = kernels.panel;
    task.accumulate = accumulate;
    kernels.outer_panel_pairs(task);
  }

  void write(const WeightPanel& panel, int64_t tap, const float* sums) const {
    for (int64_t i = 0; i < count_; ++i) {
      uint16_t* to = p_.dw + offset_in_dw(p_.d, tap, panel, rows_.begin + i);
      cpu_kernels().round_row(sums + i * cpu_kernels().panel, panel.columns(), to);
    }
  }

  const Problem& p_;
  Range panels_, rows_;
  int64_t count_;
  int64_t tiles_size_;  // of a group
  int64_t blocks_;
  float* tiles_;
  float* sums_;
  bool* written_;
  OutputPixel* pixels_ = nullptr;
  int64_t first_ = 0, loaded_ = 0;
};

}  // namespace

void weight_pairs(const ConvShape& d, ConstView dy, ConstView x, View dw, int threads) {
  const Problem problem{d, halves(dy), halves(x), halves(dw)};
  share_weight_panels(d, threads, problem.dw,
                      [&](Range rows, Range panels) { Part(problem, panels, rows).run(); });
}

}  // namespace fedcamae::cpu

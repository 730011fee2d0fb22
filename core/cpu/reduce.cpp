#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/parallel.h"
#include "core/cpu/typed.h"

namespace fedcamae::cpu {
namespace {

constexpr int64_t kPiece = 1 << 13;  // numbers that are summed before the pieces are added
constexpr int kLanes = 8;            // sums side by side in a piece: a fixed order, and vectors

// term(i) in double, summed over [begin, end).
template <class Term>
double sum_piece(Range range, const Term& term) {
  double lanes[kLanes] = {};
  int64_t i = range.begin;
  for (; i + kLanes <= range.end; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  for (int lane = 0; i < range.end; ++i, ++lane) lanes[lane] += term(i);
  double total = 0;
  for (const double lane : lanes) total += lane;
  return total;
}

template <class Term>
double sum_of(int threads, int64_t count, const Term& term) {
  const int64_t pieces = pieces_of(count, kPiece);
  double* sums = scratch_of<double>(Slot::kSums, pieces);
  in_ranges(threads, pieces, count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sums[i] = sum_piece(piece_at(count, kPiece, i), term);
  });
  double total = 0;
  for (int64_t i = 0; i < pieces; ++i) total += sums[i];
  return total;
}

}  // namespace

double CpuBackend::sum(ConstView x) {
  return sum_of(threads_, x.size(), [&](int64_t i) { return static_cast<double>(x.data[i]); });
}

double CpuBackend::dot(ConstView a, ConstView b) {
  return sum_of(threads_, a.size(), [&](int64_t i) {
    return static_cast<double>(a.data[i]) * static_cast<double>(b.data[i]);
  });
}

bool CpuBackend::all_finite(ConstView x) {
  constexpr uint32_t kExponent = 0x7f800000u;  // all ones: infinity or NaN
  const int64_t pieces = pieces_of(x.size(), kPiece);
  bool* good = scratch_of<bool>(Slot::kSums, pieces);
  in_ranges(threads_, pieces, x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const Range range = piece_at(x.size(), kPiece, piece);
      uint32_t bad = 0;
      for (int64_t i = range.begin; i < range.end; ++i)
        bad |= (std::bit_cast<uint32_t>(x.data[i]) & kExponent) == kExponent ? 1u : 0u;
      good[piece] = bad == 0;
    }
  });
  return std::all_of(good, good + pieces, [](bool piece) { return piece; });
}

// Rows in pieces: float32 within a piece, double over the pieces.
void CpuBackend::sum_rows(ConstView x, View y) {
  constexpr int64_t kRows = 256;
  const int64_t rows = x.shape.rows(), channels = y.size();
  const int64_t pieces = pieces_of(rows, kRows);
  float* sums = scratch_floats(Slot::kSums, pieces * channels);
  by_type(x.type, [&]<class T>(T) {
    const T* from = numbers<T>(x);
    in_ranges(threads_, pieces, x.size(), [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        float* to = sums + piece * channels;
        std::fill_n(to, channels, 0.0f);
        const Range range = piece_at(rows, kRows, piece);
        for (int64_t i = range.begin; i < range.end; ++i)
          for (int64_t c = 0; c < channels; ++c) to[c] += widened(from[i * channels + c]);
      }
    });
  });
  for (int64_t c = 0; c < channels; ++c) {
    double total = 0;
    for (int64_t piece = 0; piece < pieces; ++piece)
      total += static_cast<double>(sums[piece * channels + c]);
    y.data[c] = static_cast<float>(total);
  }
}

void CpuBackend::sum_last(ConstView x, View y) {
  const int64_t columns = x.shape.back();
  in_ranges(threads_, y.size(), x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      y.data[i] =
          static_cast<float>(sum_piece({0, columns}, [row = x.data + i * columns](int64_t c) {
            return static_cast<double>(row[c]);
          }));
  });
}

void CpuBackend::argmax_last(ConstView x, std::span<int32_t> y) {
  const int64_t columns = x.shape.back();
  for (size_t i = 0; i < y.size(); ++i) {
    const float* row = x.data + static_cast<int64_t>(i) * columns;
    int64_t best = 0;
    for (int64_t c = 1; c < columns && !std::isnan(row[best]); ++c)
      if (row[c] > row[best] || std::isnan(row[c])) best = c;
    y[i] = static_cast<int32_t>(best);
  }
}

void CpuBackend::minmax_last(ConstView x, View low, View high) {
  const int64_t columns = x.shape.back();
  in_ranges(threads_, low.size(), x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* row = x.data + i * columns;
      float least = row[0], most = row[0];
      for (int64_t c = 1; c < columns; ++c) {
        least = row[c] < least ? row[c] : least;
        most = row[c] > most ? row[c] : most;
      }
      low.data[i] = least;
      high.data[i] = most;
    }
  });
}

namespace {

// numpy's minimum and maximum: a NaN wins.
template <class Better>
float extreme(const float* values, int64_t count, const Better& better) {
  float found = values[0];
  for (int64_t i = 0; i < count; ++i)
    if (std::isnan(values[i]) || better(values[i], found)) found = values[i];
  return found;
}

}  // namespace

void CpuBackend::scale_to_unit_last(View x) {
  const int64_t columns = x.shape.back();
  in_ranges(threads_, x.shape.rows(), x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* values = x.data + row * columns;
      const float low = extreme(values, columns, [](float a, float b) { return a < b; });
      for (int64_t i = 0; i < columns; ++i) values[i] -= low;
      const float high = extreme(values, columns, [](float a, float b) { return a > b; });
      const auto divisor = static_cast<float>(1e-7 + static_cast<double>(high));
      for (int64_t i = 0; i < columns; ++i) values[i] /= divisor;
    }
  });
}

}  // namespace fedcamae::cpu

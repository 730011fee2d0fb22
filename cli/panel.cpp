#include "cli/panel.h"

#include <algorithm>
#include <cmath>

#include "cli/font.h"
#include "cli/images.h"

namespace fedcamae {
namespace {

constexpr int64_t kTile = 96;      // side of a picture in the panel, pixels, at least
constexpr int64_t kFrame = 4;      // around a client's two pictures
constexpr int64_t kGap = 8;        // between clients
constexpr int64_t kPerRow = 8;     // clients (and the probe) in a row
constexpr int64_t kTextScale = 2;  // picture pixels a font pixel
constexpr int64_t kTextHeight = (kFontHeight + 3) * kTextScale;
constexpr Color kPaper{255, 255, 255}, kInk{40, 40, 40}, kRed{214, 30, 30}, kGrey{190, 190, 190};

// Nearest-neighbour copy of `at(row, column)` (side x side) into a square of the picture.
template <class At>
void draw_square(Picture& picture, int64_t x, int64_t y, int64_t tile, int64_t side, const At& at) {
  for (int64_t row = 0; row < tile; ++row)
    for (int64_t column = 0; column < tile; ++column)
      fill_rectangle(picture, x + column, y + row, 1, 1,
                     at(row * side / tile, column * side / tile));
}

void draw_map(Picture& picture, int64_t x, int64_t y, int64_t tile, const float* map,
              int64_t side) {
  draw_square(picture, x, y, tile, side, [&](int64_t row, int64_t column) {
    const float value = map[row * side + column];
    if (!std::isfinite(value)) return kGrey;
    uint8_t rgb[3];
    jet(std::clamp(value, 0.0f, 1.0f), rgb);
    return Color{rgb[0], rgb[1], rgb[2]};
  });
}

void draw_cross(Picture& picture, int64_t x, int64_t y, int64_t width, int64_t height) {
  for (int64_t i = 0; i < height; ++i) {
    const int64_t column = i * (width - 3) / height;
    fill_rectangle(picture, x + column, y + i, 3, 2, kPaper);
    fill_rectangle(picture, x + width - 3 - column, y + i, 3, 2, kPaper);
  }
}

struct Layout {
  int64_t tile, cell_width, cell_height, columns, rows;
};

Layout make_layout(int64_t side, int64_t clients) {
  Layout l{};
  l.tile = side * std::max<int64_t>(1, (kTile + side - 1) / side);
  l.cell_width = l.tile + 2 * kFrame + kGap;
  l.cell_height = 2 * l.tile + 3 * kFrame + kTextHeight + kGap;
  l.columns = std::min(kPerRow, clients + 1);
  l.rows = (clients + l.columns) / l.columns;  // of clients and the probe
  return l;
}

void draw_probe(Picture& picture, const HeatMapReport& maps, const Layout& l) {
  draw_text(picture, kGap + kFrame, kGap, "PROBE", kInk, kTextScale);
  if (maps.probe_side == 0) return;
  draw_square(picture, kGap + kFrame, kGap + kTextHeight + kFrame, l.tile, maps.probe_side,
              [&](int64_t row, int64_t column) {
                const float* p =
                    &maps.probe[static_cast<size_t>((row * maps.probe_side + column) * 3)];
                return Color{to_byte(p[0]), to_byte(p[1]), to_byte(p[2])};
              });
}

void draw_client(Picture& picture, const RoundRecord& record, size_t index, const Layout& l) {
  const HeatMapReport& maps = *record.heat_maps;
  const ClientRecord& client = record.clients[index];
  const auto place = static_cast<int64_t>(index) + 1;  // the probe is at 0
  const int64_t x = kGap + place % l.columns * l.cell_width,
                y = kGap + place / l.columns * l.cell_height, top = y + kTextHeight;
  const Color frame = client.malicious ? kRed : kGrey;
  draw_text(picture, x + kFrame, y, std::to_string(client.client), client.malicious ? kRed : kInk,
            kTextScale);
  const int64_t width = l.tile + 2 * kFrame, height = 2 * l.tile + 3 * kFrame;
  fill_rectangle(picture, x, top, width, height, frame);
  const size_t offset = index * static_cast<size_t>(maps.side * maps.side);
  draw_map(picture, x + kFrame, top + kFrame, l.tile, &maps.maps[offset], maps.side);
  draw_map(picture, x + kFrame, top + l.tile + 2 * kFrame, l.tile, &maps.reconstructions[offset],
           maps.side);
  if (!client.accepted) draw_cross(picture, x + kFrame, top + kFrame, l.tile, height - 2 * kFrame);
}

}  // namespace

Picture heat_map_panel(const RoundRecord& record) {
  const auto clients = static_cast<int64_t>(record.clients.size());
  const Layout l = make_layout(record.heat_maps->side, clients);
  const std::vector<std::string> legend = {
      fmt::format("ROUND {}  ABOVE: HEAT MAP  BELOW: AUTOENCODER", record.round),
      "NUMBER: CLIENT  RED FRAME: MALICIOUS  CROSS: REJECTED  GREY: NOT FINITE"};
  int64_t width = l.columns * l.cell_width + kGap;
  for (const std::string& line : legend)
    width = std::max(width, text_width(line, kTextScale) + 2 * kGap);
  const int64_t below = kGap + l.rows * l.cell_height;
  Picture picture{below + static_cast<int64_t>(legend.size()) * kTextHeight + kGap, width, {}};
  picture.pixels.resize(static_cast<size_t>(picture.height * picture.width * 3));
  fill_rectangle(picture, 0, 0, picture.width, picture.height, kPaper);
  draw_probe(picture, *record.heat_maps, l);
  for (size_t i = 0; i < record.clients.size(); ++i) draw_client(picture, record, i, l);
  for (size_t i = 0; i < legend.size(); ++i)
    draw_text(picture, kGap, below + static_cast<int64_t>(i) * kTextHeight, legend[i], kInk,
              kTextScale);
  return picture;
}

}  // namespace fedcamae

#include "cli/panel.h"

#include <algorithm>
#include <cmath>

#include "cli/font.h"
#include "cli/images.h"

namespace fedcamae {
namespace {

constexpr int64_t kTile = 112;     // side of a picture in the panel, pixels, about
constexpr int64_t kFrame = 4;      // around a client's two pictures
constexpr int64_t kGap = 12;       // between clients
constexpr int64_t kPerRow = 9;     // clients (and the probe) in a row, at most
constexpr int64_t kTextScale = 2;  // picture pixels a font pixel
constexpr int64_t kLine = (kFontHeight + 4) * kTextScale;
constexpr int64_t kBarWidth = 128, kBarHeight = kFontHeight * kTextScale;
constexpr Color kPaper{255, 255, 255}, kInk{40, 40, 40}, kRed{214, 30, 30}, kGrey{190, 190, 190};

// Nearest-neighbour copy of `at(row, column)` (side x side) into a square of the picture.
template <class At>
void draw_square(Picture& picture, int64_t x, int64_t y, int64_t tile, int64_t side, const At& at) {
  for (int64_t row = 0; row < tile; ++row)
    for (int64_t column = 0; column < tile; ++column)
      fill_rectangle(picture, x + column, y + row, 1, 1,
                     at(row * side / tile, column * side / tile));
}

Color map_color(float value) {
  if (!std::isfinite(value)) return kGrey;
  uint8_t rgb[3];
  jet(std::clamp(value, 0.0f, 1.0f), rgb);
  return {rgb[0], rgb[1], rgb[2]};
}

void draw_map(Picture& picture, int64_t x, int64_t y, int64_t tile, const float* map,
              int64_t side) {
  draw_square(picture, x, y, tile, side,
              [&](int64_t row, int64_t column) { return map_color(map[row * side + column]); });
}

struct Layout {
  int64_t tile, cell_width, cell_height, columns, rows, top;
};

Layout make_layout(int64_t side, int64_t clients) {
  Layout l{};
  // Whole pixels of a small map; a big one is sampled.
  l.tile = side < kTile ? side * ((kTile + side - 1) / side) : kTile;
  l.cell_width = l.tile + 2 * kFrame + kGap;
  l.cell_height = kLine + 2 * l.tile + 3 * kFrame + 2 * kLine + kGap;
  const int64_t cells = clients + 1;  // the probe's too
  l.rows = (cells + kPerRow - 1) / kPerRow;
  l.columns = (cells + l.rows - 1) / l.rows;
  l.top = kGap + kLine + kGap;  // below the title
  return l;
}

void draw_probe(Picture& picture, const HeatMapReport& maps, const Layout& l) {
  draw_text(picture, kGap + kFrame, l.top, "PROBE", kInk, kTextScale);
  if (maps.probe_side == 0) return;
  draw_square(picture, kGap + kFrame, l.top + kLine + kFrame, l.tile, maps.probe_side,
              [&](int64_t row, int64_t column) {
                const float* p =
                    &maps.probe[static_cast<size_t>((row * maps.probe_side + column) * 3)];
                return Color{to_byte(p[0]), to_byte(p[1]), to_byte(p[2])};
              });
}

// The score, and what the defense made of it.
void draw_verdict(Picture& picture, int64_t x, int64_t y, int64_t width,
                  const ClientRecord& client) {
  const std::string score =
      std::isfinite(client.score) ? fmt::format("{:#.3g}", client.score) : "NO SCORE";
  draw_text(picture, x + kFrame, y + kTextScale, score, kInk, kTextScale);
  if (client.accepted) return;
  fill_rectangle(picture, x, y + kLine, width, kLine, kInk);
  draw_text(picture, x + kFrame, y + kLine + 2 * kTextScale, "REJECTED", kPaper, kTextScale);
}

void draw_client(Picture& picture, const RoundRecord& record, size_t index, const Layout& l) {
  const HeatMapReport& maps = *record.heat_maps;
  const ClientRecord& client = record.clients[index];
  const auto place = static_cast<int64_t>(index) + 1;  // the probe is at 0
  const int64_t x = kGap + place % l.columns * l.cell_width,
                y = l.top + place / l.columns * l.cell_height, top = y + kLine;
  const std::string number = std::to_string(client.client), name = "CLIENT " + number;
  draw_text(picture, x + kFrame, y, text_width(name, kTextScale) < l.cell_width ? name : number,
            client.malicious ? kRed : kInk, kTextScale);
  const int64_t width = l.tile + 2 * kFrame, height = 2 * l.tile + 3 * kFrame;
  fill_rectangle(picture, x, top, width, height, client.malicious ? kRed : kGrey);
  const size_t offset = index * static_cast<size_t>(maps.side * maps.side);
  draw_map(picture, x + kFrame, top + kFrame, l.tile, &maps.maps[offset], maps.side);
  draw_map(picture, x + kFrame, top + l.tile + 2 * kFrame, l.tile, &maps.reconstructions[offset],
           maps.side);
  draw_verdict(picture, x, top + height, width, client);
}

std::vector<std::string> legend(const RoundRecord& record) {
  const std::string threshold =
      std::isfinite(record.threshold) ? fmt::format("{:#.3g}", record.threshold) : "NONE";
  return {"NUMBER: SCORE, HIGHER IS MORE SUSPICIOUS.  THRESHOLD: " + threshold,
          "RED: MALICIOUS, WHICH THE DEFENSE IS NOT TOLD.  GREY: NOT FINITE."};
}

// The colours of 0 to 1.
void draw_bar(Picture& picture, int64_t x, int64_t y) {
  draw_text(picture, x, y, "0", kInk, kTextScale);
  const int64_t bar = x + text_width("0 ", kTextScale);
  for (int64_t i = 0; i < kBarWidth; ++i)
    fill_rectangle(picture, bar + i, y, 1, kBarHeight,
                   map_color(static_cast<float>(i) / static_cast<float>(kBarWidth - 1)));
  draw_text(picture, bar + kBarWidth + kTextScale * kFontWidth, y, "1", kInk, kTextScale);
}

}  // namespace

Picture heat_map_panel(const RoundRecord& record) {
  const auto clients = static_cast<int64_t>(record.clients.size());
  const Layout l = make_layout(record.heat_maps->side, clients);
  const std::string title =
      fmt::format("ROUND {}.  UPPER: HEAT MAP.  LOWER: AFTER THE AUTOENCODER.", record.round);
  const std::vector<std::string> lines = legend(record);
  int64_t width = l.columns * l.cell_width + kGap;
  for (const std::string& line : lines)
    width = std::max(width, text_width(line, kTextScale) + 2 * kGap);
  const int64_t below = l.top + l.rows * l.cell_height;
  const auto text_rows = static_cast<int64_t>(lines.size()) + 1;
  Picture picture{below + text_rows * kLine + kGap, width, {}};
  picture.pixels.resize(static_cast<size_t>(picture.height * picture.width * 3));
  fill_rectangle(picture, 0, 0, picture.width, picture.height, kPaper);
  draw_text(picture, kGap, kGap, title, kInk, kTextScale);
  draw_probe(picture, *record.heat_maps, l);
  for (size_t i = 0; i < record.clients.size(); ++i) draw_client(picture, record, i, l);
  for (size_t i = 0; i < lines.size(); ++i)
    draw_text(picture, kGap, below + static_cast<int64_t>(i) * kLine, lines[i], kInk, kTextScale);
  draw_bar(picture, kGap, below + (text_rows - 1) * kLine);
  return picture;
}

}  // namespace fedcamae

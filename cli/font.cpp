#include "cli/font.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace fedcamae {
namespace {

// Seven rows of five pixels, the top row first.
const std::map<char, std::string>& glyphs() {
  static const std::map<char, std::string> made = {
      {'0', ".###. #...# #..## #.#.# ##..# #...# .###."},
      {'1', "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###."},
      {'2', ".###. #...# ....# ...#. ..#.. .#... #####"},
      {'3', "##### ...#. ..#.. ...#. ....# #...# .###."},
      {'4', "...#. ..##. .#.#. #..#. ##### ...#. ...#."},
      {'5', "##### #.... ####. ....# ....# #...# .###."},
      {'6', "..##. .#... #.... ####. #...# #...# .###."},
      {'7', "##### ....# ...#. ..#.. .#... .#... .#..."},
      {'8', ".###. #...# #...# .###. #...# #...# .###."},
      {'9', ".###. #...# #...# .#### ....# ...#. .##.."},
      {'A', ".###. #...# #...# ##### #...# #...# #...#"},
      {'B', "####. #...# #...# ####. #...# #...# ####."},
      {'C', ".###. #...# #.... #.... #.... #...# .###."},
      {'D', "####. #...# #...# #...# #...# #...# ####."},
      {'E', "##### #.... #.... ####. #.... #.... #####"},
      {'F', "##### #.... #.... ####. #.... #.... #...."},
      {'G', ".###. #...# #.... #.### #...# #...# .####"},
      {'H', "#...# #...# #...# ##### #...# #...# #...#"},
      {'I', ".###. ..#.. ..#.. ..#.. ..#.. ..#.. .###."},
      {'J', "..### ...#. ...#. ...#. ...#. #..#. .##.."},
      {'K', "#...# #..#. #.#.. ##... #.#.. #..#. #...#"},
      {'L', "#.... #.... #.... #.... #.... #.... #####"},
      {'M', "#...# ##.## #.#.# #.#.# #...# #...# #...#"},
      {'N', "#...# ##..# #.#.# #..## #...# #...# #...#"},
      {'O', ".###. #...# #...# #...# #...# #...# .###."},
      {'P', "####. #...# #...# ####. #.... #.... #...."},
      {'Q', ".###. #...# #...# #...# #.#.# #..#. .##.#"},
      {'R', "####. #...# #...# ####. #.#.. #..#. #...#"},
      {'S', ".#### #.... #.... .###. ....# ....# ####."},
      {'T', "##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#.."},
      {'U', "#...# #...# #...# #...# #...# #...# .###."},
      {'V', "#...# #...# #...# #...# #...# .#.#. ..#.."},
      {'W', "#...# #...# #...# #.#.# #.#.# ##.## #...#"},
      {'X', "#...# #...# .#.#. ..#.. .#.#. #...# #...#"},
      {'Y', "#...# #...# .#.#. ..#.. ..#.. ..#.. ..#.."},
      {'Z', "##### ....# ...#. ..#.. .#... #.... #####"},
      {':', "..... ..#.. ..#.. ..... ..#.. ..#.. ....."},
      {'.', "..... ..... ..... ..... ..... .##.. .##.."},
      {',', "..... ..... ..... ..... .##.. ..#.. .#..."},
      {'-', "..... ..... ..... ##### ..... ..... ....."},
      {'+', "..... ..#.. ..#.. ##### ..#.. ..#.. ....."},
      {'/', "..... ....# ...#. ..#.. .#... #.... ....."}};
  return made;
}

}  // namespace

void fill_rectangle(Picture& picture, int64_t x, int64_t y, int64_t width, int64_t height,
                    Color color) {
  const int64_t x_end = std::min(x + width, picture.width),
                y_end = std::min(y + height, picture.height);
  for (int64_t row = std::max<int64_t>(y, 0); row < y_end; ++row)
    for (int64_t column = std::max<int64_t>(x, 0); column < x_end; ++column) {
      uint8_t* pixel = &picture.pixels[static_cast<size_t>((row * picture.width + column) * 3)];
      pixel[0] = color.r;
      pixel[1] = color.g;
      pixel[2] = color.b;
    }
}

int64_t text_width(const std::string& text, int64_t scale) {
  return static_cast<int64_t>(text.size()) * (kFontWidth + 1) * scale;
}

void draw_text(Picture& picture, int64_t x, int64_t y, const std::string& text, Color color,
               int64_t scale) {
  for (char letter : text) {
    const auto found =
        glyphs().find(static_cast<char>(std::toupper(static_cast<unsigned char>(letter))));
    if (found != glyphs().end())
      for (int64_t row = 0; row < kFontHeight; ++row)
        for (int64_t column = 0; column < kFontWidth; ++column)
          if (found->second[static_cast<size_t>(row * (kFontWidth + 1) + column)] == '#')
            fill_rectangle(picture, x + column * scale, y + row * scale, scale, scale, color);
    x += (kFontWidth + 1) * scale;
  }
}

}  // namespace fedcamae

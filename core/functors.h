// Elementwise functions: formula and derivative side by side, one source for every device.
// A unary functor keeps either its input or its output for the derivative (`kKeeps`).
#pragma once

#include <cmath>

#if defined(__CUDACC__)
#define FEDCAMAE_HD __host__ __device__
#else
#define FEDCAMAE_HD
#endif

namespace fedcamae {

enum class Keeps { kInput, kOutput };
enum class Unary { kRelu, kSigmoid, kExp, kLog, kSquare, kNegate, kSqrt, kSign };
enum class Binary { kAdd, kSubtract, kMultiply, kDivide, kMaximum };

namespace fn {

// max(x, 0); the derivative at 0 is 0, as in PyTorch. A NaN stays a NaN.
struct Relu {
  static constexpr Keeps kKeeps = Keeps::kOutput;
  template <class T>
  FEDCAMAE_HD T forward(T x) const {
    return x < T(0) ? T(0) : x;
  }
  template <class T>
  FEDCAMAE_HD T backward(T dy, T y) const {
    return y > T(0) ? dy : T(0);
  }
};

// 1 / (1 + exp(-x)), in (0, 1).
struct Sigmoid {
  static constexpr Keeps kKeeps = Keeps::kOutput;
  template <class T>
  FEDCAMAE_HD T forward(T x) const {
    using std::exp;
    return T(1) / (T(1) + exp(-x));
  }
  template <class T>
  FEDCAMAE_HD T backward(T dy, T y) const {
    return dy * y * (T(1) - y);
  }
};

struct Exp {
  static constexpr Keeps kKeeps = Keeps::kOutput;
  template <class T>
  FEDCAMAE_HD T forward(T x) const {
    using std::exp;
    return exp(x);
  }
  template <class T>
  FEDCAMAE_HD T backward(T dy, T y) const {
    return dy * y;
  }
};

struct Log {
  static constexpr Keeps kKeeps = Keeps::kInput;
  template <class T>
  FEDCAMAE_HD T forward(T x) const {
    using std::log;
    return log(x);
  }
  template <class T>
  FEDCAMAE_HD T backward(T dy, T x) const {
    return dy / x;
  }
};

struct Square {
  static constexpr Keeps kKeeps = Keeps::kInput;
  template <class T>
  FEDCAMAE_HD T forward(T x) const {
    return x * x;
  }
  template <class T>
  FEDCAMAE_HD T backward(T dy, T x) const {
    return T(2) * dy * x;
  }
};

struct Negate {
  static constexpr Keeps kKeeps = Keeps::kInput;
  template <class T>
  FEDCAMAE_HD T forward(T x) const {
    return -x;
  }
  template <class T>
  FEDCAMAE_HD T backward(T dy, T) const {
    return -dy;
  }
};

// NaN below 0; the derivative at 0 is infinite.
struct Sqrt {
  static constexpr Keeps kKeeps = Keeps::kOutput;
  template <class T>
  FEDCAMAE_HD T forward(T x) const {
    using std::sqrt;
    return sqrt(x);
  }
  template <class T>
  FEDCAMAE_HD T backward(T dy, T y) const {
    return dy / (T(2) * y);
  }
};

// -1, 0 or 1; the derivative is 0, at 0 too, as in PyTorch. A NaN stays a NaN.
struct Sign {
  static constexpr Keeps kKeeps = Keeps::kOutput;
  template <class T>
  FEDCAMAE_HD T forward(T x) const {
    return x > T(0) ? T(1) : x < T(0) ? T(-1) : x;
  }
  template <class T>
  FEDCAMAE_HD T backward(T, T) const {
    return T(0);
  }
};

struct Add {
  template <class T>
  FEDCAMAE_HD T operator()(T a, T b) const {
    return a + b;
  }
};
struct Subtract {
  template <class T>
  FEDCAMAE_HD T operator()(T a, T b) const {
    return a - b;
  }
};
struct Multiply {
  template <class T>
  FEDCAMAE_HD T operator()(T a, T b) const {
    return a * b;
  }
};
struct Divide {
  template <class T>
  FEDCAMAE_HD T operator()(T a, T b) const {
    return a / b;
  }
};
struct Maximum {
  template <class T>
  FEDCAMAE_HD T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};

// Calls `body` with the functor that an id names.
template <class Body>
void visit(Unary id, Body&& body) {
  switch (id) {
    case Unary::kRelu:
      return body(Relu{});
    case Unary::kSigmoid:
      return body(Sigmoid{});
    case Unary::kExp:
      return body(Exp{});
    case Unary::kLog:
      return body(Log{});
    case Unary::kSquare:
      return body(Square{});
    case Unary::kNegate:
      return body(Negate{});
    case Unary::kSqrt:
      return body(Sqrt{});
    case Unary::kSign:
      return body(Sign{});
  }
}
template <class Body>
void visit(Binary id, Body&& body) {
  switch (id) {
    case Binary::kAdd:
      return body(Add{});
    case Binary::kSubtract:
      return body(Subtract{});
    case Binary::kMultiply:
      return body(Multiply{});
    case Binary::kDivide:
      return body(Divide{});
    case Binary::kMaximum:
      return body(Maximum{});
  }
}
// What the derivative of a unary function is computed from.
inline Keeps keeps(Unary id) {
  Keeps kept = Keeps::kInput;
  visit(id, [&](auto f) { kept = decltype(f)::kKeeps; });
  return kept;
}

}  // namespace fn
}  // namespace fedcamae

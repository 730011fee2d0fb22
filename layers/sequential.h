// Modules one after the other, each with its name in the state dictionary.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "layers/module.h"

namespace fedcamae {

class Sequential final : public Module {
 public:
  struct Item {
    std::string name;
    std::unique_ptr<Module> module;
  };

  void append(std::string name, std::unique_ptr<Module> module) {
    items_.push_back({std::move(name), std::move(module)});
  }
  const std::vector<Item>& items() const { return items_; }

  Var forward(const Var& x) override {
    Var y = x;
    for (const Item& item : items_) y = (*item.module)(y);
    return y;
  }
  void visit(StateVisitor& v) override {
    for (const Item& item : items_) v.child(item.name, *item.module);
  }
  std::string type() const override { return "Sequential"; }

 private:
  std::vector<Item> items_;
};

}  // namespace fedcamae

#include "fl/federation.h"

#include <utility>

#include "fl/round.h"

namespace fedcamae {

namespace {

Partition deal(const FederationSpec& spec, const Dataset& dataset, const Split& split) {
  return make_partition(spec.partition, spec.partition_options, dataset.train.labels, split.clients,
                        dataset.classes, spec.clients, spec.seed);
}

const FederationSpec& checked(const FederationSpec& spec, const Dataset& dataset) {
  check_spec(spec, dataset);
  return spec;
}

// nullptr where nobody attacks in this round.
Attack* acting(const Federation::Impl& federation) {
  const FederationSpec& spec = federation.spec;
  const int64_t round = federation.rounds_done + 1;
  const bool in_window =
      round >= spec.attack_start && (spec.attack_stop == 0 || round <= spec.attack_stop);
  Attack* attack = federation.attack.get();
  return in_window && attack != nullptr && !attack->harmless() ? attack : nullptr;
}

}  // namespace

Federation::Impl::Impl(const FederationSpec& spec_in, const Dataset& dataset_in,
                       std::unique_ptr<Attack> attack_in, std::unique_ptr<Defense> defense_in,
                       const ModelState* initial)
    : spec(checked(spec_in, dataset_in)),
      dataset(dataset_in),
      context({.device = spec.device,
               .threads = spec.workers * spec.threads,
               .precision = spec.precision,
               .conv_algorithms = spec.conv_algorithms,
               .profile = spec.profile}),
      workers(spec),
      attack(std::move(attack_in)),
      defense(std::move(defense_in)),
      attackers(choose_attackers(spec)),
      split(split_images(spec, dataset)),
      partition(deal(spec, dataset, split)),
      server{dataset.train.subset(split.server), dataset.normalization, dataset.classes},
      model(spec.model, context) {
  check(defense != nullptr, "[federation] there is no defense; `mean` is plain averaging");
  // What the first defense, the attack or the training of every client would refuse is refused
  // here.
  defense->check_setup(model, server);
  if (attack != nullptr) attack->check_classes(dataset.classes);
  const Tensor one = Tensor::zeros(context, Shape{1});
  const Optimizer optimizer(spec.optimizer, one, one);
  learning_rate(spec.schedule, spec.optimizer.lr, 0, spec.rounds);
  if (initial == nullptr)
    model.initialize(spec.seed);
  else
    model.set_state(initial->to(context));
  global = model.state();
}

Federation::Federation(const FederationSpec& spec, const Dataset& dataset,
                       std::unique_ptr<Attack> attack, std::unique_ptr<Defense> defense,
                       const ModelState* initial)
    : impl_(std::make_unique<Impl>(spec, dataset, std::move(attack), std::move(defense), initial)) {
}
Federation::~Federation() = default;

const Partition& Federation::partition() const { return impl_->partition; }
const std::vector<int64_t>& Federation::attackers() const { return impl_->attackers; }
Model& Federation::global_model() { return impl_->model; }

RoundRecord Federation::run_round(const std::function<void(int64_t, int64_t)>& on_client,
                                  const std::function<bool()>& stop) {
  check(impl_->rounds_done < impl_->spec.rounds, "[federation] all {} rounds are done",
        impl_->spec.rounds);
  RoundRecord record;
  try {
    RoundHooks hooks(on_client, stop);
    Round round(*impl_, acting(*impl_), hooks);
    record = round.run();
    impl_->global = round.next();
  } catch (...) {
    impl_->model.set_state(impl_->global);
    impl_->model.set_training(false);
    throw;
  }
  impl_->model.set_state(impl_->global);
  impl_->model.set_training(false);
  ++impl_->rounds_done;
  return record;
}

}  // namespace fedcamae

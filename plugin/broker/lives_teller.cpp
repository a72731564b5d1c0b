#include "broker/lives_teller.h"

#include <utility>

namespace plugin {

void LivesTeller::tell_all() {
  next_ = 0;
  ++round_;
  look();
}

void LivesTeller::look() {
  if (!asking_) tell_next();
}

/// One after the other, so that a relay's many lives do not come in a burst.
void LivesTeller::tell_next() {
  if (next_ >= lives_.all().size()) return;
  const auto& life = lives_.all()[next_];
  asking_ = true;
  link_.end(life.who, life.reports,
            [self = std::weak_ptr(self_), round = round_](const broker::Status& status) {
              const auto teller = self.lock();
              if (teller == nullptr) return;
              auto& that = **teller;
              that.asking_ = false;
              if (!status) return;
              if (round == that.round_) ++that.next_;
              that.tell_next();
            });
}

}  // namespace plugin

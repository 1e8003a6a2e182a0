// How evenly the experts of a site were used.
#pragma once
#include "runtime/core/Runner.h"

namespace ds {

ds_expert_counters summarise(const ExpertSite &site, const char *node);

} // namespace ds

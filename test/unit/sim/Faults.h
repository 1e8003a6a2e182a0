// The arguments of the kernels in Faults.cu.
#pragma once

namespace ds::test {

enum class Fault {
  none,
  raceInBlock,
  raceReadThenWrite,
  raceInWarp,
  raceBetweenBlocks,
  raceOtherHalfWaits,
  differentBarriers,
  leftBeforeBarrier,
  leftBeforeShuffle,
  differentShuffles,
  sharedBounds,
  globalBounds,
  globalPartlyOutside,
  localBounds,
  localBoundsOfAClass,
  wildPointer,
  writeToInput,
  uninitialisedShared,
  uninitialisedOutput,
  misalignedLoad,
  misalignedCopy,
  copyNotWaitedFor,
  copyOfLaterGroup,
  copyNotSynchronised,
  endless
};

struct FaultArgs {
  const float *in;   // 64
  float *out;        // 128
  unsigned *counter; // 1
  Fault fault;
};

struct IntrinsicArgs {
  unsigned *words; // 16 x 32
};

} // namespace ds::test

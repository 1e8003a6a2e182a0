#include "Pch.h" // the library that owns the precompiled header

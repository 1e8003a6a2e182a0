// include/ds/runtime.h from C99, through the shared library: it compiles, links and reports an error.
#include "ds/runtime.h"
#include <stdio.h>
#include <string.h>

int main(void) {
  ds_model *model = 0;
  ds_tensor tensor = {0};
  tensor.type = DS_F32;
  if (ds_model_open("/no/such/model.dsm", &model) != DS_ERR_IO || model)
    return puts("a missing file was opened");
  if (strcmp(ds_last_error(), "cannot open '/no/such/model.dsm': No such file or directory"))
    return puts(ds_last_error());
  if (ds_session_run(0, &tensor, 1, 0, 0) != DS_ERR_ARGUMENT || ds_type_bytes(tensor.type) != 4)
    return puts("a call without a session did something");
  ds_model_close(model);
  ds_session_destroy(0);
  return 0;
}

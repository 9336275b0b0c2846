// For threads: `--import tsx` acts on main threads only.
import { register } from 'tsx/esm/api'

register()

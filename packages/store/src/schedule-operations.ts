import type { ScheduleStore } from '@celeriac/core'
import type { Database } from './database.ts'
import {
  findSchedule,
  listDueSchedules,
  listSchedules,
  readClock,
} from './operations/schedules/find-schedules.ts'
import { fireSchedule } from './operations/schedules/fire-schedule.ts'
import { deleteOldFirings, listFirings } from './operations/schedules/list-firings.ts'
import { claimScheduledTasks, removeScheduledTasks } from './operations/schedules/scheduled-tasks.ts'
import { listWaitingFirings, startWaitingFiring } from './operations/schedules/waiting-firings.ts'
import { createSchedule, deleteSchedule, updateSchedule } from './operations/schedules/write-schedule.ts'

type Call = <T>(operation: keyof ScheduleStore, work: () => Promise<T>) => Promise<T>

/** The part of the port that is about schedules. */
export const scheduleOperations = (database: Database, call: Call): ScheduleStore => ({
  readClock: () => call('readClock', () => readClock(database)),
  createSchedule: (schedule) => call('createSchedule', () => createSchedule(database, schedule)),
  findSchedule: (name) => call('findSchedule', () => findSchedule(database, name)),
  listSchedules: (page) => call('listSchedules', () => listSchedules(database, page)),
  updateSchedule: (change) => call('updateSchedule', () => updateSchedule(database, change)),
  deleteSchedule: (name) => call('deleteSchedule', () => deleteSchedule(database, name)),
  listDueSchedules: (query) => call('listDueSchedules', () => listDueSchedules(database, query)),
  fireSchedule: (request) => call('fireSchedule', () => fireSchedule(database, request)),
  listWaitingFirings: (query) => call('listWaitingFirings', () => listWaitingFirings(database, query)),
  startWaitingFiring: (request) => call('startWaitingFiring', () => startWaitingFiring(database, request)),
  listFirings: (query) => call('listFirings', () => listFirings(database, query)),
  deleteOldFirings: (batch) => call('deleteOldFirings', () => deleteOldFirings(database, batch)),
  claimScheduledTasks: (claim) => call('claimScheduledTasks', () => claimScheduledTasks(database, claim)),
  removeScheduledTasks: (done) => call('removeScheduledTasks', () => removeScheduledTasks(database, done)),
})

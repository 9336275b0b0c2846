/** An error makes the document unusable; a warning is kept with it and shown. */
export type ProblemSeverity = 'error' | 'warning'

interface ProblemCodeFacts {
  readonly severity: ProblemSeverity
  readonly meaning: string
}

const error = (meaning: string): ProblemCodeFacts => ({ severity: 'error', meaning })
const warning = (meaning: string): ProblemCodeFacts => ({ severity: 'warning', meaning })

/** Everything that can be wrong with a DAG document. `docs/reference/document-problems.md` lists the same codes. */
export const problemCodes = {
  // The text
  document_too_large: error('The document has more bytes than the limit.'),
  yaml_syntax: error('The text is not YAML; reading stops here.'),
  empty_document: error('The text holds no document.'),
  multiple_documents: error('The text holds more than one YAML document.'),
  too_many_nodes: error('The document has more keys and values than the limit.'),
  too_deep: error('Collections are nested deeper than the limit.'),
  too_many_aliases: error('There are more aliases (*name) than the limit.'),
  aliases_too_large: error('Written out, the aliases make the document larger than the limit.'),
  unknown_alias: error('An alias names an anchor that is not defined before it.'),
  recursive_alias: error('An alias stands inside the node that it repeats.'),
  unsupported_tag: error('A YAML tag stands for something that JSON cannot hold.'),
  unsupported_number: error('A number that JSON cannot hold exactly: not finite, or an integer beyond 2^53.'),
  invalid_key: error('A mapping key is not a plain name.'),
  invalid_character: error('A text holds a NUL or half a surrogate pair, which the database cannot store.'),
  duplicate_key: error('A mapping has the same key twice.'),
  // The shape
  missing_key: error('A required key of the document is missing.'),
  wrong_type: error('A value has the wrong type.'),
  invalid_value: error('A value is outside of what is allowed.'),
  unknown_key: warning('A key that means nothing to Celeriac. It is kept in the document.'),
  ignored_key: warning('A key that this version does not act upon yet. It is kept in the document.'),
  unsupported_feature: error(
    'A feature that this version does not have; ignoring it would change what runs.',
  ),
  malformed_canvas: warning('Canvas data is not as the console writes it; the run is not affected.'),
  // Operators
  no_operators: error('The document lists no operators.'),
  too_many_operators: error('There are more operators than the limit.'),
  invalid_operator_id: error('An operator id cannot be used as a file name.'),
  duplicate_operator: error('operator_list names an operator twice.'),
  missing_details: error('An operator of operator_list has no entry in operator_details.'),
  unlisted_operator: error('operator_details describes an operator that operator_list does not name.'),
  unknown_operator: error('operator_rels names an operator that does not exist.'),
  unknown_algorithm: error('algo_name is not an algorithm of this installation.'),
  // Parameters
  params_too_large: error('The parameters of an operator are larger than the limit.'),
  unknown_parameter: error('The algorithm has no such parameter.'),
  missing_parameter: error('A required parameter is missing.'),
  rejected_value: error('A value that older library versions took and that has no equivalent today.'),
  // Edges
  too_many_edges: error('There are more edges than the limit.'),
  missing_target: error('An edge has no target.'),
  port_out_of_range: error('An edge uses a port that the operator does not have; a task has none.'),
  port_type_mismatch: error('An edge joins an output to an input of another type.'),
  port_occupied: error('Two edges end at an input port that takes one.'),
  input_unwired: error('A required input port has no edge.'),
  cycle: error('Operators wait for one another in a circle.'),
  unreachable_operator: error('An operator waits for a circle only, so it could never start.'),
  // The list itself
  too_many_problems: error('There are more problems than are listed.'),
} as const satisfies Record<string, ProblemCodeFacts>

export type ProblemCode = keyof typeof problemCodes

/** One thing that is wrong with a document, and where. */
export interface Problem {
  readonly code: ProblemCode
  readonly severity: ProblemSeverity
  /** What is wrong and how to put it right. */
  readonly message: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units, as editors count. */
  readonly column: number
  /** For example `dag.operator_details.x.params.C`; empty for the document as a whole. */
  readonly path: string
  /** What was probably meant: a name or a value to put in place of the present one. */
  readonly suggestion?: string
}
